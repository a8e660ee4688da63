import pytest
import torch

from latent_inpaint.models import FFCRefiner
from latent_inpaint.models.parts import describe, describes


def test_a_working_width_starts_as_nothing_more_than_the_blocks():
    """Spread over more channels and taken back, a latent is what it was; blocks come between."""
    refiner = FFCRefiner(4, n_blocks=1, width=24).eval()
    latent = torch.randn(2, 4, 8, 8)
    assert refiner(latent).shape == latent.shape
    torch.testing.assert_close(refiner.leave(refiner.enter(latent)), latent)
    refiner.blocks = torch.nn.Identity()
    refiner.delta = True
    torch.testing.assert_close(refiner(latent), 2 * latent)


def test_a_working_width_gives_the_blocks_their_room_and_trains():
    refiner = FFCRefiner(4, n_blocks=1, width=24)
    assert refiner.blocks[0].ffc1.n_local == 6 and refiner.blocks[0].ffc1.n_global == 18
    refiner(torch.randn(2, 4, 8, 8)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in (refiner.enter.weight, refiner.leave.weight))


def test_without_a_width_there_is_nothing_to_learn_but_the_blocks():
    assert all(name.startswith("blocks.") for name in FFCRefiner(8, n_blocks=1).state_dict())


def test_a_width_below_the_latents_is_refused():
    with pytest.raises(ValueError, match="width must be at least the latent's channels, 4, got 3"):
        FFCRefiner(4, width=3)


def test_a_description_from_before_an_argument_existed_is_still_the_networks():
    refiner = FFCRefiner(8, n_blocks=1)
    description = describe(refiner)
    assert describes(description, refiner)
    del description["arguments"]["width"]
    state = torch.get_rng_state()
    assert describes(description, refiner)
    assert torch.equal(torch.get_rng_state(), state)
    assert not describes(description, FFCRefiner(8, n_blocks=1, width=16))
    assert not describes({"class": "Unknown"}, refiner)
    assert not describes(None, refiner)
