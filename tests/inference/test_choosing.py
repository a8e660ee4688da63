"""The best of several fills comes back, alone."""

import numpy as np
import pytest
import torch

import latent_inpaint
from latent_inpaint.inference.pipeline import Pipeline


class Levels:
    """Fills with a level that is drawn: 0.1, 0.5 or 0.9."""

    multiple = True

    def __call__(self, image, mask, generator=None):
        level = 0.1 + 0.4 * int(torch.randint(3, (1,), generator=generator))
        return torch.full_like(image, level)


def grey(side=80):
    mask = np.zeros((side, side), np.uint8)
    mask[30:50, 20:60] = 255
    return np.full((side, side, 3), 128, np.uint8), mask


def test_the_fill_without_a_seam_comes_back():
    image, mask = grey()
    pipeline = Pipeline(Levels())
    every = pipeline.inpaint(image, mask, samples=8, membrane=False)
    assert len({int(one[40, 40, 0]) for one in every}) == 3
    best = pipeline.inpaint(image, mask, samples=8, membrane=False, choose="best")
    assert best.shape == image.shape and abs(int(best[40, 40, 0]) - 128) <= 1
    assert any(np.array_equal(best, one) for one in every)
    both = latent_inpaint.inpaint([image, image], [mask, mask], pipeline, samples=8, choose="best")
    assert len(both) == 2 and both[0].shape == image.shape


def test_without_a_hole_the_picture_comes_back():
    image, mask = grey()
    with pytest.warns(UserWarning):
        result = Pipeline(Levels()).inpaint(image, mask * 0, samples=2, choose="best")
    assert np.array_equal(result, image)


def test_other_choices_are_refused():
    with pytest.raises(ValueError, match="choose must be best, or None, got 'worst'"):
        Pipeline(Levels()).inpaint(*grey(), samples=2, choose="worst")
