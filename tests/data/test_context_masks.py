"""Shapes and shares of the context encoder's masks."""

import numpy as np
import pytest

from latent_inpaint.data.masks import preset


@pytest.mark.parametrize("size", [64, 100, 256])
@pytest.mark.parametrize(("name", "low", "high"), [("block", 0.2, 0.25), ("region", 0.2, 0.3)])
def test_shares(name, low, high, size):
    masks = [preset(name, size)(np.random.default_rng(seed)) for seed in range(30)]
    assert all(mask.shape == (size, size) and mask.dtype == bool for mask in masks)
    shares = [mask.mean() for mask in masks]
    assert low - 0.02 <= min(shares) and max(shares) <= high
    assert len({mask.tobytes() for mask in masks}) == 30
    covered = np.mean(masks, axis=0)  # no place is left out
    assert covered.min() >= 0 and covered[size // 4 : -size // 4, size // 4 : -size // 4].min() > 0


def test_the_centre_is_the_middle_quarter():
    mask = preset("centre", 128)(np.random.default_rng(0))
    assert mask.sum() == 64 * 64 and mask[32:96, 32:96].all()


def test_regions_scale_with_the_picture():
    small, large = (preset("region", size)(np.random.default_rng(5)) for size in (64, 128))
    assert abs(large[::2, ::2].astype(int) - small).mean() < 0.1
