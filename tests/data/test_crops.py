import tracemalloc

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.crops import Crop


def test_centre_crop_keeps_the_pixels():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Crop.of((50, 70), 32).image(image), image[9:41, 19:51])


@pytest.mark.parametrize(("anchor", "corner"), [((0, 0), (0, 0)), ((1, 1), (18, 38)), ((0, 1), (0, 38))])
def test_anchors_reach_the_corners(anchor, corner):
    crop = Crop.of((50, 70), 32, anchor=anchor)
    assert (crop.top, crop.left) == corner


def test_small_pictures_are_enlarged_to_fit():
    crop = Crop.of((20, 30), 64)
    assert crop.resized == (64, 96)
    assert crop.image(np.full((20, 30, 3), 7, np.uint8)).shape == (64, 64, 3)
    assert crop.mask(np.ones((20, 30), bool)).all()


def test_short_side_resizes_first():
    crop = Crop.of((512, 768), 256, short_side=256)
    assert crop.resized == (256, 384) and (crop.top, crop.left) == (0, 64)
    with pytest.raises(ValueError, match="short_side: expected at least the crop's size 256, got 128"):
        Crop.of((512, 768), 256, short_side=128)


def test_picture_and_mask_are_cropped_alike():
    hole = np.zeros((96, 120), bool)
    hole[40:60, 30:50] = True
    picture = np.where(hole[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    crop = Crop.of((96, 120), 48, short_side=72)
    mask = crop.mask(hole)
    assert mask.shape == (48, 48) and mask.dtype == bool
    bright = crop.image(picture)[..., 0] > 127
    assert (mask | bright).sum() == mask.sum(), "every bright pixel lies in the hole"
    assert (mask != bright).sum() <= 60, "and the hole is at most its outline larger"


def test_a_reduced_mask_keeps_every_hole():
    hole = np.zeros((256, 256), bool)
    hole[101, 57] = True
    assert Crop.of((256, 256), 64, short_side=64).mask(hole).sum() >= 1


def test_mask_of_another_size_names_both():
    with pytest.raises(ValueError, match=r"expected the picture's size 70×50 .* got 60×40"):
        Crop.of((50, 70), 32).mask(np.zeros((40, 60), bool))


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (2, 60_000)])
def test_a_strip_is_not_enlarged_as_a_whole(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    crop = Crop.of(shape, 64)
    assert max(crop.resized) >= 64 * 1000
    tracemalloc.start()
    image, mask = crop.image(picture), crop.mask(picture[..., 0] > 128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert image.shape == (64, 64, 3) and mask.shape == (64, 64) and peak < 2**23


def test_the_window_of_a_strip_is_that_of_the_whole():
    picture = np.random.default_rng(0).integers(0, 256, (3, 200, 3), dtype=np.uint8)
    crop = Crop.of((3, 200), 32, anchor=(0.5, 0.3))
    whole = Image.fromarray(picture).resize(crop.resized[::-1], Image.Resampling.BICUBIC)
    expected = np.asarray(whole)[crop.top : crop.top + 32, crop.left : crop.left + 32]
    assert np.abs(crop.image(picture).astype(int) - expected).max() <= 1


def test_a_mask_of_a_turned_picture_says_so():
    with pytest.raises(ValueError, match="pictures are turned as their EXIF says, turn it likewise"):
        Crop.of((50, 70), 32).mask(np.zeros((70, 50), bool))
