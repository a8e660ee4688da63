"""Self-perceptual loss: zero where it must be, by a copy that stays as it is."""

import copy
import dataclasses
from types import SimpleNamespace

import pytest
import torch

from latent_inpaint.losses.self_perceptual import SelfPerceptual, self_perceptual_loss
from latent_inpaint.models.denoisers import UNetDenoiser
from latent_inpaint.models.refiners import Condition, DiffusionRefiner, FlowRefiner, condition_channels
from latent_inpaint.models.refiners.base import Refined


def refiner(cls):
    torch.manual_seed(0)
    denoiser = UNetDenoiser(3, condition_channels(3, 2), widths=(8, 16), heads=2, embedding=16)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return cls(denoiser, down_factor=2, n_batches=1)


def step(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(2, 3, 6, 6, generator=generator)
    hole, mask = torch.zeros(2, 1, 6, 6), torch.zeros(2, 1, 12, 12)
    hole[..., 3:], mask[..., 6:] = 1, 1
    return model.training_output(Condition(target * (1 - hole), hole, mask), target, generator)


def frozen(model):
    return copy.deepcopy(model.denoiser).requires_grad_(False).eval()


@pytest.mark.parametrize("cls", [FlowRefiner, DiffusionRefiner])
def test_at_the_same_time_both_are_the_same_latent(cls):
    """Estimate and predicted noise make z_t again, whatever was predicted: hence the second time."""
    model = refiner(cls)
    denoised = step(model)
    for latent in denoised.again(denoised.levels):
        torch.testing.assert_close(latent, denoised.noised, atol=1e-4, rtol=1e-4)
    same = self_perceptual_loss(frozen(model), denoised, denoised.levels)
    other = self_perceptual_loss(frozen(model), denoised, torch.tensor([0.3, 0.6]))
    assert same.item() == pytest.approx(0, abs=1e-6) and other.item() > 1e-3


def test_gradients_reach_the_denoiser_through_the_copy_at_every_depth():
    model = refiner(FlowRefiner)
    copied = frozen(model)
    before = {name: value.clone() for name, value in copied.state_dict().items()}
    values = []
    for depth in (0, 1, 2, -1):
        model.zero_grad()
        loss = self_perceptual_loss(copied, step(model), torch.tensor([0.3, 0.6]), depth)
        loss.backward()
        assert all(p.grad.isfinite().all() for p in model.denoiser.parameters() if p.grad is not None)
        assert model.denoiser.decoder.leave.weight.grad.abs().sum() > 0
        values.append(loss.item())
    assert values[2] == values[3] and len(set(values)) == 3
    assert all(torch.equal(value, before[name]) for name, value in copied.state_dict().items())
    assert all(p.grad is None for p in copied.parameters())


def test_what_is_shown_without_noise_stays_so():
    model = refiner(FlowRefiner)
    denoised = step(model)
    known = dataclasses.replace(denoised, levels=torch.tensor([0.0, 0.5]).repeat(3).expand(2, 1, 6, 6))
    for latent, clean in zip(known.again(torch.tensor([0.9, 0.9])), known.clean):
        assert torch.equal(latent[..., ::2], clean[..., ::2])
        assert not torch.equal(latent[..., 1::2], clean[..., 1::2])


def test_the_term_draws_its_times_after_the_rest_and_stays_as_it_is():
    model = refiner(FlowRefiner)
    term = SelfPerceptual(copy.deepcopy(model.denoiser), depth=1)
    term.train()
    assert not term.judge.training and not any(p.requires_grad for p in term.parameters())

    def value(seed):
        generator = torch.Generator().manual_seed(seed)
        target = torch.randn(2, 3, 6, 6, generator=generator)
        hole, mask = torch.ones(2, 1, 6, 6), torch.ones(2, 1, 12, 12)
        refined = model.training_output(Condition(target, hole, mask), target, generator)
        return term(SimpleNamespace(refined=refined, target_latent=target, generator=generator)).item()

    assert value(1) == value(1) != value(2)
    with pytest.raises(ValueError, match="needs a flow or a diffusion"):
        term(SimpleNamespace(refined=Refined(latent=torch.zeros(1)), generator=torch.Generator()))


def test_bad_arguments():
    model = refiner(FlowRefiner)
    with pytest.raises(ValueError, match="frozen: the copy"):
        self_perceptual_loss(copy.deepcopy(model.denoiser), step(model), torch.tensor([0.3, 0.6]))
    with pytest.raises(ValueError, match="depth must be below 3"):
        self_perceptual_loss(frozen(model), step(model), torch.tensor([0.3, 0.6]), 3)
