"""ControlNet on a denoiser: nothing at first, the base untouched, every zero convolution learns."""

import pytest
import torch

from latent_inpaint.models.denoisers import UNetDenoiser
from latent_inpaint.models.guides.controlnet import ControlNetDenoiser, known_error
from latent_inpaint.models.refiners import Condition, FlowRefiner, condition_channels
from latent_inpaint.models.storage import load_model, save_model


def trained_base():
    torch.manual_seed(0)
    base = UNetDenoiser(3, 0, widths=(8, 16), heads=2, embedding=16)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return base


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(2, 3, 6, 7, generator=generator),
        torch.tensor([0.2, 0.9]),
        torch.randn(2, 5, 6, 7, generator=generator),
    )


def step(control, inputs, optimizer):
    optimizer.zero_grad()
    (control(*inputs) - 1).square().mean().backward()
    optimizer.step()


def test_at_first_the_output_is_the_bases_bit_for_bit(inputs):
    base = trained_base()
    expected = base(*inputs[:2])
    control = ControlNetDenoiser(base, 5).train()
    assert torch.equal(control(*inputs), expected)


def test_the_base_stays_bit_for_bit_and_everything_else_learns(inputs):
    control = ControlNetDenoiser(trained_base(), 5).train()
    before = {name: value.clone() for name, value in control.named_parameters()}
    optimizer = torch.optim.SGD([p for p in control.parameters() if p.requires_grad], lr=0.1)
    moved = []
    for _ in range(4):
        step(control, inputs, optimizer)
        moved.append({name for name, p in control.named_parameters() if not torch.equal(p, before[name])})
    # zero convs into skips and middle at once, the copy and the hint's last from the second step on
    assert moved[0] == {name for name in before if name.startswith("zero_convs.")}
    assert "hint.2.weight" in moved[1] and "encoder.enter.weight" in moved[1]
    assert moved[3] == {name for name in before if not name.startswith("base.")}
    assert not control.base.training


def test_a_base_that_trains_is_alone(inputs):
    control = ControlNetDenoiser(trained_base(), 5).train()
    torch.nn.init.ones_(control.zero_convs[0].weight)  # the copy would be heard
    control.requires_grad_(False).base.requires_grad_(True)
    out = control(*inputs)
    assert torch.equal(out, control.base(*inputs[:2]))
    out.square().mean().backward()
    learnt = {name for name, p in control.named_parameters() if p.grad is not None}
    assert learnt and all(name.startswith("base.") for name in learnt)
    control.base.requires_grad_(False)
    assert not torch.equal(control(*inputs), out)


def test_within_a_flow_and_rebuilt(tmp_path, inputs):
    hole, mask = torch.zeros(2, 1, 6, 7), torch.zeros(2, 1, 12, 14)
    hole[..., 3:], mask[..., 6:] = 1, 1
    condition = Condition(inputs[0] * (1 - hole), hole, mask)
    control = ControlNetDenoiser(trained_base(), condition_channels(3, 2))
    refiner = FlowRefiner(control, down_factor=2, n_batches=1)
    optimizer = torch.optim.SGD([p for p in refiner.parameters() if p.requires_grad], lr=0.1)
    for seed in range(2):
        out = refiner.training_output(condition, inputs[0], torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        (out.regression[0] - out.regression[1]).square().mean().backward()
        optimizer.step()
    again = load_model(save_model(refiner.eval(), tmp_path))
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(again.sample(condition, generators[0]), refiner.sample(condition, generators[1]))


def test_obedience_looks_at_what_is_known_only():
    target = torch.zeros(1, 2, 1, 4)
    latent = torch.tensor([1.0, 2.0, 50.0, 60.0]).view(1, 1, 1, 4).expand(1, 2, 1, 4)
    assert known_error(latent, target, torch.tensor([0.0, 0, 1, 1]).view(1, 1, 1, 4)).item() == 1.5
    assert known_error(latent, target, torch.ones(1, 1, 1, 4)).item() == 0


def test_bad_arguments():
    with pytest.raises(ValueError, match="base must be unconditional, got one with 2"):
        ControlNetDenoiser(UNetDenoiser(3, 2), 5)
    with pytest.raises(ValueError, match="condition_channels must be at least 1, got 0"):
        ControlNetDenoiser(UNetDenoiser(3), 0)
