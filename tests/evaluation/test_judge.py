"""The judge on fills whose answer is known: equal to the truth, black, and in between."""

import numpy as np
import pytest
import torch

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.judge import CROP, judge
from latent_inpaint.evaluation.methods import CopyNothing, GroundTruth


def batches(count=10):
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(count):
        small = torch.rand(1, 3, 12, 10, generator=generator)
        image = torch.nn.functional.interpolate(small, scale_factor=8, mode="bicubic").clamp(0.1, 1)
        mask = torch.zeros(1, 1, 96, 80)
        mask[..., 20:60, 10 + number : 50 + number] = 1
        found.append(Batch(image, mask, [f"{number}.png"]))
    return found


class Quietly(GroundTruth):
    """The truth, a little smoother in the hole."""

    def __call__(self, image, mask, **_):
        return torch.nn.functional.avg_pool2d(image, 5, 1, 2)


def test_the_truth_is_not_told_apart_and_black_always_is():
    methods = [GroundTruth(), CopyNothing()]
    found = judge(methods, batches(), 25)
    assert found["ground_truth"][0] == pytest.approx(0.5), "equal crops get equal answers"
    assert found["copy_nothing"][0] > 0.95
    low, high = found["copy_nothing"][1]
    assert 0.9 < low <= found["copy_nothing"][0] <= high <= 1
    again = judge(methods[1:], batches(), 25)
    assert again["copy_nothing"] == found["copy_nothing"]


def test_a_crop_lies_in_the_picture_and_shows_hole():
    from latent_inpaint.evaluation.judge import _places

    for batch in batches(4):
        for y, x in _places(batch.mask[0], 0, batch.name[0]):
            assert 0 <= y <= 96 - CROP and 0 <= x <= 80 - CROP
            assert batch.mask[0, 0, y : y + CROP, x : x + CROP].any()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="judge must be at least 1 step"):
        judge([GroundTruth()], batches(2), 0)
    with pytest.raises(ValueError, match="both halves need pictures"):
        judge([GroundTruth()], batches(1), 1)
    assert np.isfinite(judge([Quietly()], batches(6), 1)["ground_truth"][0])
