"""Recurrent refiner: the same blocks, n small corrections, a loss after each."""

import itertools

import pytest
import torch

from latent_inpaint.models.refiners import Condition, RecurrentFFCRefiner
from latent_inpaint.models.storage import load_model, save_model


def refiner(**options):
    return RecurrentFFCRefiner(3, **{"n_steps": 3, "n_blocks": 1, "width": 8, **options})


def test_a_new_one_keeps_what_it_was_given():
    latent = torch.randn(2, 3, 5, 6)
    assert torch.equal(refiner()(latent), latent)


def test_a_loss_after_each_correction():
    """All results along the batch, in order, with weights that grow and have the mean 1."""
    network = refiner(decay=0.5)
    torch.nn.init.normal_(network.leave.weight)
    latent, target = torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 6)
    out = network.training_output(Condition(latent), target)
    predicted, should_be = out.regression
    results = network.corrections(latent)
    assert torch.equal(predicted, torch.cat(results)) and torch.equal(out.latent, results[-1])
    assert torch.equal(should_be, torch.cat([target] * 3))
    assert out.weight.tolist() == pytest.approx([3 / 7] * 2 + [6 / 7] * 2 + [12 / 7] * 2)
    assert not any(torch.allclose(a, b) for a, b in itertools.pairwise(results))
    with pytest.raises(ValueError, match="target: RecurrentFFCRefiner learns"):
        network.training_output(Condition(latent))


def test_the_weights_are_shared():
    count = [sum(p.numel() for p in refiner(n_steps=n).parameters()) for n in (1, 8)]
    assert count[0] == count[1]


def test_more_corrections_come_nearer_after_a_short_training():
    torch.manual_seed(0)
    network = refiner(n_steps=4)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    target = torch.randn(8, 3, 6, 6)
    latent = 0.2 * target
    for _ in range(60):
        out = network.training_output(Condition(latent), target)
        predicted, should_be = out.regression
        error = (predicted - should_be).square().mean((1, 2, 3))
        optimizer.zero_grad()
        (out.weight * error).mean().backward()
        optimizer.step()
    errors = [(z - target).square().mean().item() for z in network.corrections(latent)]
    assert errors[-1] < errors[0] < (latent - target).square().mean().item()


def test_it_is_a_function_and_is_rebuilt(tmp_path):
    network, latent = refiner().eval(), torch.randn(1, 3, 5, 6)
    torch.nn.init.normal_(network.leave.weight)
    again = load_model(save_model(network, tmp_path))
    assert torch.equal(again.sample(Condition(latent)), network(latent)) and not again.multiple
    with pytest.raises(ValueError, match="n must be 1: RecurrentFFCRefiner is a function"):
        network.sample(Condition(latent), n=2)


@pytest.mark.parametrize("options", [{"n_steps": 0}, {"n_blocks": 0}, {"decay": 0}])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match="must be"):
        refiner(**options)
