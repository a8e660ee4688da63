import pytest
import torch

from latent_inpaint.metrics.discriminative import inception_discriminative_scores


def test_discriminative_scores_of_equal_and_of_separable_sets():
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(200, 4, generator=rng)
    paired, unpaired = inception_discriminative_scores(real, real)
    assert paired.mean() == 0  # equal pictures: none looks more real than its truth
    assert unpaired.mean() == pytest.approx(0.5)
    paired, unpaired = inception_discriminative_scores(real, real + 50)
    assert paired.mean() == unpaired.mean() == 0
    paired, unpaired = inception_discriminative_scores(real, torch.randn(200, 4, generator=rng))
    assert 0.3 < paired.mean() < 0.55
    assert 0.3 < unpaired.mean() < 0.55
