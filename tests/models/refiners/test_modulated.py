"""The refiner that noise modulates: draws by picture, learns from its first step on."""

import pytest
import torch

from latent_inpaint.models.refiners import Condition, ModulatedFFCRefiner
from latent_inpaint.models.storage import load_model, save_model


def refiner(moved=True):
    torch.manual_seed(0)
    model = ModulatedFFCRefiner(4, n_blocks=2, width=8, noise=6, embedding=8)
    if moved:
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def condition(batch=3):
    return Condition(torch.randn(batch, 4, 5, 7, generator=torch.Generator().manual_seed(9)))


def test_at_first_it_gives_the_masked_latent_and_all_but_the_mapping_learns_at_once():
    model = refiner(moved=False)
    given = condition()
    found = model.training_output(given, generator=generators(0)[0]).latent
    assert torch.equal(found, given.masked_latent)
    torch.nn.init.normal_(model.leave.weight)
    model.training_output(given, generator=generators(0)[0]).latent.square().mean().backward()
    assert all(block.film.linear.weight.grad.abs().sum() > 0 for block in model.blocks)


def test_noise_is_mean_and_variance_of_the_norms():
    """Of a block's first half: another noise gives another affine map of the same normed activation."""
    model = refiner()
    block, x = model.blocks[0], torch.randn(1, 8, 5, 7)
    normed = block.ffc1(x)
    for noise in torch.randn(2, 1, 6):
        gamma, beta = block.film.linear(torch.nn.functional.silu(model.mapping(noise))).chunk(2, dim=1)
        expected = (1 + gamma[..., None, None]) * normed + beta[..., None, None]
        torch.testing.assert_close(block.film(normed, model.mapping(noise)), expected)


def test_a_pictures_fills_depend_on_its_generator_alone(tmp_path):
    model, given = refiner().eval(), condition()
    whole = model.sample(given, generators(1, 2, 3))
    alone = model.sample(Condition(given.masked_latent[1:2]), generators(2))
    torch.testing.assert_close(whole[1:2], alone)
    several = model.sample(given, generators(1, 2, 3), n=2)
    torch.testing.assert_close(several[0], whole)
    assert (several[0] - several[1]).abs().amax(dim=(1, 2, 3)).min() > 1e-2
    again = load_model(save_model(model, tmp_path))
    assert torch.equal(again.sample(given, generators(1, 2, 3)), whole)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="n_blocks must be at least 1"):
        ModulatedFFCRefiner(4, n_blocks=0)
    for call in (refiner().sample, refiner().training_output):
        with pytest.raises(ValueError, match="generator: ModulatedFFCRefiner draws noise"):
            call(condition())
    with pytest.raises(ValueError, match="n must be at least 1"):
        refiner().sample(condition(), generators(1, 2, 3), n=0)
