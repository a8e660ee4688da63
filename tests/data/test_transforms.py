import tracemalloc

import numpy as np
import pytest

from latent_inpaint.data.transforms import CropFlip, Distortions, FewPictures, enlarge_to_fit

PICTURE = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)


@pytest.mark.parametrize("transform", [CropFlip, Distortions, FewPictures])
def test_result_is_a_function_of_the_generators_state(transform):
    first, second = transform(64), transform(64)
    first(PICTURE, np.random.default_rng(9))  # what was drawn before must not matter
    one, two = first(PICTURE, np.random.default_rng(3)), second(PICTURE, np.random.default_rng(3))
    assert one.shape == (64, 64, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, two)
    assert (one != first(PICTURE, np.random.default_rng(4))).any()


def test_crop_flip_only_cuts_and_mirrors():
    crops = [CropFlip(72)(PICTURE, np.random.default_rng(seed)) for seed in range(40)]
    windows = [PICTURE[y : y + 72, x : x + 72] for y in range(9) for x in range(29)]
    plain = [any((crop == window).all() for window in windows) for crop in crops]
    mirrored = [any((crop[:, ::-1] == window).all() for window in windows) for crop in crops]
    assert all(a or b for a, b in zip(plain, mirrored))
    assert 5 < sum(mirrored) < 35


def test_distortions_change_colours_and_shapes():
    smooth = np.linspace(0, 255, 100, dtype=np.uint8)[None, :, None].repeat(80, 0).repeat(3, 2)
    results = [Distortions(64)(smooth, np.random.default_rng(seed)) for seed in range(30)]
    coloured = sum(np.ptp(result.astype(int), axis=2).max() > 0 for result in results)
    bent = sum(result.astype(int).std(axis=0).max() > 3 for result in results)
    assert coloured > 5 and bent > 5


def test_few_pictures_have_other_colours_and_sizes():
    grey_blue = np.full((80, 100, 3), (90, 100, 160), np.uint8)
    dominant = {
        int(FewPictures(32)(grey_blue, np.random.default_rng(i)).mean((0, 1)).argmax()) for i in range(30)
    }
    assert dominant == {0, 1, 2}
    ramp = np.arange(100, dtype=np.uint8)[None, :, None].repeat(80, 0).repeat(3, 2)
    slopes = [
        np.abs(np.diff(FewPictures(32)(ramp, np.random.default_rng(i)).mean(2)[16]).mean()) for i in range(40)
    ]
    assert min(slopes) < 0.8 and max(slopes) > 1.2  # pixels of the picture per pixel of the crop, about


def test_transforms_draw_independently():
    """One seed for every transform would tie their probabilities together: all applied or none."""
    rng = np.random.default_rng(0)
    pipeline = Distortions(64)
    unchanged = sum((pipeline(np.full((64, 64, 3), 99, np.uint8), rng) == 99).all() for _ in range(100))
    assert unchanged < 35


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (1, 5)])
@pytest.mark.parametrize("transform", [CropFlip, Distortions, FewPictures])
def test_small_pictures_are_enlarged(transform, shape):
    picture = np.full((*shape, 3), 100, np.uint8)
    assert min(enlarge_to_fit(picture, 64).shape[:2]) == 64
    assert transform(64)(picture, np.random.default_rng(0)).shape == (64, 64, 3)


def test_large_pictures_are_not_resized():
    assert enlarge_to_fit(PICTURE, 64) is PICTURE


@pytest.mark.parametrize("transform", [CropFlip, Distortions, FewPictures])
def test_the_picture_itself_stays_as_it_is(transform):
    """Pictures are cached: a transform that works in place would spoil the next epoch."""
    picture = PICTURE.copy()
    for seed in range(20):
        transform(80)(picture, np.random.default_rng(seed))
    np.testing.assert_array_equal(picture, PICTURE)


@pytest.mark.parametrize("transform", [CropFlip, Distortions, FewPictures])
@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1)])
def test_strips_cost_what_their_crop_costs(transform, shape):
    strip = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    tracemalloc.start()
    crops = [transform(64)(strip, np.random.default_rng(seed)) for seed in range(4)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24 and all(crop.shape == (64, 64, 3) for crop in crops)
    assert len({crop.tobytes() for crop in crops}) == 4, "pieces of all of the strip"
