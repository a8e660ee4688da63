"""A generative refiner inside the network that fills pictures."""

import json

import pytest
import torch

from latent_inpaint.losses import HoleWeights, Objective, Regression
from latent_inpaint.models import (
    Decoder,
    Encoder,
    FlowRefiner,
    LatentInpainter,
    UNetDenoiser,
    Unguided,
    load_model,
    save_model,
)
from latent_inpaint.models.parts import describe, describes
from latent_inpaint.models.refiners import condition_channels
from latent_inpaint.models.refiners.sampling import Override
from latent_inpaint.training.outputs import InpaintingOutputs


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder, decoder = Encoder(2, 2), Decoder(2, 2)
    denoiser = UNetDenoiser(8, condition_channels(8, 4), widths=(8, 16), heads=2, embedding=16)
    torch.nn.init.normal_(denoiser.decoder.leave.weight, std=0.1)
    refiner = FlowRefiner(denoiser, down_factor=4, steps=2, sampler=Override())
    return LatentInpainter(encoder, refiner, decoder, Unguided()).eval()


@pytest.fixture
def picture():
    generator = torch.Generator().manual_seed(1)
    mask = torch.zeros(2, 1, 37, 50)
    mask[..., 10:20, 15:30] = 1
    return torch.rand(2, 3, 37, 50, generator=generator), mask


def seed(number):
    return torch.Generator().manual_seed(number)


def test_it_fills_any_size_and_draws_from_the_generator(model, picture):
    assert model.multiple
    fills = [model(*picture, generator=seed(number)) for number in (0, 0, 1)]
    assert fills[0].shape == picture[0].shape
    assert torch.equal(fills[0], fills[1]) and not torch.equal(fills[0], fills[2])
    with pytest.raises(ValueError, match="generator: FlowRefiner draws noise"):
        model(*picture)


def test_steps_are_handed_down(model, picture):
    calls = []
    model.refiner.denoiser.register_forward_hook(lambda *_: calls.append(1))
    model(*picture, generator=seed(0), steps=5)
    assert len(calls) == 5


def test_rebuilt_from_its_folder(model, picture, tmp_path):
    again = load_model(save_model(model, tmp_path))
    assert torch.equal(again(*picture, generator=seed(0)), model(*picture, generator=seed(0)))


def test_its_description_is_known_again(model):
    """Else a run would refuse its own checkpoint."""
    assert describes(json.loads(json.dumps(describe(model))), model)
    other = LatentInpainter(
        model.encoder, FlowRefiner(model.refiner.denoiser, down_factor=4), model.decoder, Unguided()
    )
    assert not describes(describe(other), model)


def test_the_override_keeps_the_true_latent_wherever_the_hole_does_not_reach(model):
    """The plain encoder's window is exact: there the masked latent, and so the sample, is the true one."""
    image, mask = torch.rand(1, 3, 64, 64, generator=seed(2)), torch.zeros(1, 1, 64, 64)
    mask[..., 24:40, 24:40] = 1
    latent = model.encode_masked(image, mask)
    hole = model.condition(latent, mask).hole
    sample = model.refine(latent, mask, seed(0))
    assert 0 < hole.mean() < 0.6
    error = (sample - model.encode(image)).abs().amax(dim=1, keepdim=True)
    assert error[hole == 0].max() < 1e-4 < error[hole == 1].max()


def test_training_steps_lower_the_regression(model, picture):
    """Through a step's lazy outputs, as the trainer does it: the decoder is not run for it."""
    image, mask = picture[0][..., :36, :48], picture[1][..., :36, :48]
    model.requires_grad_(False)
    model.refiner.requires_grad_(True).train()
    model.decoder.register_forward_hook(lambda *_: pytest.fail("the decoder was run"))
    objective = Objective({"regression": Regression(positions=HoleWeights(1.0, 0.25, receptive_field=9))})
    optimizer = torch.optim.AdamW(model.refiner.parameters(), lr=3e-3)

    def loss(number):
        return objective(InpaintingOutputs(model, image, mask, seed(number)))[0]

    def measured():
        with torch.no_grad():
            return sum(loss(number).item() for number in range(1000, 1010))

    loss(0)  # the latents' statistics are measured
    before = measured()
    for step in range(60):
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()
    assert measured() < 0.7 * before
