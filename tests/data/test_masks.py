import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_inpaint.data.masks import BoxMasks, LimitedMasks, MixedMasks, WideMasks, preset

FIXTURES = Path(__file__).parents[1] / "fixtures"
STATISTICS = json.loads((FIXTURES / "mask_area_statistics.json").read_text())
PRESET_OF = {"train_256": "train", "wide_only_256": "wide", "box_only_256": "box"}
EVALUATION = ("thin", "medium", "thick")


def draw(generator, seed=0):
    return generator(np.random.default_rng(seed))


@pytest.mark.parametrize("key", STATISTICS)
def test_hole_area_distribution_is_the_original_generators(key):
    expected = STATISTICS[key]
    generator = preset(PRESET_OF.get(key) or key.split("_")[1], expected["size"])
    rng = np.random.default_rng(0)
    areas = np.array([generator(rng).mean() for _ in range(3000)])
    quantiles = expected["area_quantiles"].items()
    distance = max(abs((areas <= area).mean() - float(share)) for share, area in quantiles)
    assert distance <= 0.03


@pytest.mark.parametrize("name", ["train", "varied", "wide", "box", *EVALUATION])
@pytest.mark.parametrize("size", [64, 256])
def test_masks_are_binary_square_and_follow_the_generator(name, size):
    generator = preset(name, size)
    mask = draw(generator)
    assert mask.shape == (size, size) and mask.dtype == bool
    assert 0 < mask.mean() < 1
    np.testing.assert_array_equal(mask, draw(generator))
    assert (mask != draw(generator, seed=1)).any()


@pytest.mark.parametrize("name", ["wide", "box"])
def test_smaller_masks_are_the_same_drawing(name):
    large, small = draw(preset(name, 256), seed=4), draw(preset(name, 128), seed=4)
    reduced = large.reshape(128, 2, 128, 2).mean((1, 3)) >= 0.5
    assert (reduced != small).mean() < 0.03


@pytest.mark.parametrize("name", EVALUATION)
def test_evaluation_holes_cover_at_most_half(name):
    generator = preset(name, 128)
    assert max(draw(generator, seed).mean() for seed in range(100)) <= 0.5


@pytest.mark.parametrize("name", ["medium", "thick"])
def test_evaluation_presets_mix_boxes_with_weight_three_tenths(name):
    mixture = preset(name, 256).generator
    assert isinstance(mixture, MixedMasks)
    assert [type(part) for part in mixture.generators] == [WideMasks, BoxMasks]
    assert mixture.weights == (1.0, 0.3)


def test_evaluation_presets_change_with_the_original_sizes():
    assert preset("thin", 511).generator.reference == 256
    assert preset("thin", 512).generator.reference == 512


@given(seed=st.integers(0, 2**32), margin=st.integers(0, 20), size=st.sampled_from([64, 256]))
@settings(max_examples=50, deadline=None)
def test_boxes_keep_their_margin(seed, margin, size):
    mask = draw(BoxMasks(size, 30, 150, margin, 1, 4), seed)
    border = round(margin * size / 256)
    inner = mask[border : size - border, border : size - border]
    assert mask.any() and inner.sum() == mask.sum()


def test_one_box_has_sides_in_range():
    for seed in range(50):
        rows, columns = np.nonzero(draw(BoxMasks(256, 30, 150, 10, 1, 1), seed))
        assert 30 <= np.ptp(rows) + 1 <= 150 and 30 <= np.ptp(columns) + 1 <= 150


def test_the_largest_box_is_cut_to_what_fits_between_the_margins():
    sides = [np.ptp(np.nonzero(draw(BoxMasks(256, 100, 300, 40, 1, 1), s))[0]) + 1 for s in range(200)]
    assert max(sides) <= 256 - 2 * 40


def test_number_of_polylines_includes_the_originals_extra_one():
    """Strokes this small hardly ever touch: the components of the mask count the polylines."""
    import cv2

    generator = WideMasks(1500, max_length=1, max_width=1, min_times=1, max_times=3, reference=1500)
    counts = [cv2.connectedComponents(draw(generator, s).astype(np.uint8))[0] - 1 for s in range(60)]
    assert set(counts) == {1, 2, 3, 4}


def test_mixture_follows_its_weights():
    full, empty = (lambda rng: np.ones((1, 1), bool)), (lambda rng: np.zeros((1, 1), bool))
    rng = np.random.default_rng(0)
    mixed = MixedMasks((full, empty), (3.0, 1.0))
    assert np.mean([mixed(rng).all() for _ in range(4000)]) == pytest.approx(0.75, abs=0.03)


def test_limit_that_cannot_be_met_is_an_error():
    with pytest.raises(RuntimeError, match=r"no mask below 0\.5"):
        draw(LimitedMasks(lambda rng: np.ones((4, 4), bool), max_tries=5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: preset("thcik", 256),
            "expected one of train, varied, wide, box, thin, medium, thick, centre, block, region, got",
        ),
        (lambda: preset("thick", 8), "size: expected at least 16 pixels, got 8"),
        (lambda: WideMasks(64, 10, 10, 5, 4), "expected 1 ≤ min ≤ max, got 5 and 4"),
        (lambda: WideMasks(64, 0, 10, 1, 4), "max_length, max_width, max_angle: expected at least 1"),
        (lambda: BoxMasks(64, 200, 250, 40, 1, 4), "expected 1 ≤ min ≤ max, got 200 and 176"),
        (lambda: MixedMasks((), ()), "weights: expected one for each generator"),
        (lambda: MixedMasks((lambda rng: None,), (-1.0,)), "weights: expected non-negative"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
