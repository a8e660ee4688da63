"""Only the hole and its rim count, the rim ten times."""

import pytest
import torch

from latent_inpaint.losses import OverlapL2, overlap_l2


def test_weights():
    target = torch.zeros(1, 3, 9, 9)
    hole = torch.zeros(1, 1, 9, 9)
    hole[..., 3:6, 3:6] = 1
    for place, expected in (((4, 4), 1 / 25), ((2, 2), 10 / 25), ((0, 0), 0.0)):
        prediction = target.clone()
        prediction[..., place[0], place[1]] = 1
        assert overlap_l2(prediction, target, hole, overlap=1).item() == pytest.approx(expected)
    assert overlap_l2(target + 1, target, hole, overlap=0).item() == 1.0
    assert overlap_l2(target + 1, target, 0 * hole).item() == 0.0


def test_negative_arguments_are_refused():
    for name in ("overlap", "overlap_weight"):
        with pytest.raises(ValueError, match=name):
            OverlapL2(**{name: -1})
