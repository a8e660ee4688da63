from types import SimpleNamespace

import pytest
import torch

from latent_inpaint.losses.hole_weights import HoleWeights
from latent_inpaint.losses.regression import Regression, regression_loss
from latent_inpaint.models.refiners import Condition, RecurrentFFCRefiner, Refined


def test_regression_is_a_sound_loss(loss_tester, output):
    loss_tester.check(regression_loss, output.latent, output.target_latent)


def test_weights_of_pictures_and_positions(output):
    """Each picture's error by its own weight, each position's by what the hole says."""
    predicted, target = output.latent, output.target_latent
    weight = torch.tensor([2.0, 0.5])
    positions = HoleWeights(hole_weight=1.0, known_weight=0.0, receptive_field=1)
    refined = Refined(predicted, (predicted, target), weight=weight)
    found = Regression(positions=positions)(SimpleNamespace(refined=refined, mask=output.mask))
    inside = positions(output.mask, (4, 4))
    by_hand = sum(weight[b] * (inside[b] * (predicted[b] - target[b]) ** 2).mean() for b in (0, 1)) / 2
    torch.testing.assert_close(found, by_hand)


def test_a_recurrent_refiners_corrections_all_count(output):
    """Its n results lie along the batch; each picture's positions are weighed in each of them."""
    refiner = RecurrentFFCRefiner(5, n_steps=3, n_blocks=1, width=8)
    torch.nn.init.normal_(refiner.leave.weight)
    refined = refiner.training_output(Condition(output.latent), output.target_latent)
    positions = HoleWeights(1.0, 0.1, receptive_field=1)
    found = Regression(positions=positions)(SimpleNamespace(refined=refined, mask=output.mask))
    inside = positions(output.mask, (4, 4))
    results = refiner.corrections(output.latent)
    weights = refined.weight.view(3, 2)[:, 0]
    by_hand = sum(w * (inside * (z - output.target_latent) ** 2).mean() for w, z in zip(weights, results)) / 3
    torch.testing.assert_close(found, by_hand)


def test_bad_arguments(output):
    latent, target = output.latent, output.target_latent
    with pytest.raises(ValueError, match="refiner: it is a function and has no regression"):
        Regression()(SimpleNamespace(refined=Refined(latent), mask=output.mask))
    with pytest.raises(ValueError, match=r"weight must have the shape \[2\], got \[3\]"):
        regression_loss(latent, target, torch.ones(3))
    with pytest.raises(ValueError, match="position_weights must be of 2 pictures or a divisor, got 3"):
        regression_loss(latent, target, position_weights=torch.ones(3, 1, 4, 4))


def test_a_power_of_1_is_the_absolute_error():
    predicted, target = torch.tensor([[[[3.0]]]]), torch.zeros(1, 1, 1, 1)
    assert regression_loss(predicted, target, power=1) == 3 and regression_loss(predicted, target) == 9
    with pytest.raises(ValueError, match="power must be 1 or 2, got 3"):
        Regression(power=3)
