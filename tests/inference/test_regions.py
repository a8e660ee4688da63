import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_inpaint.inference.canvas import Box
from latent_inpaint.inference.regions import find_regions, whole_picture


def hole_with(size, *boxes):
    hole = np.zeros(size, bool)
    for box in boxes:
        hole[box.slices] = True
    return hole


def test_a_single_hole_gets_a_fifth_of_its_longer_side_as_context_up_to_a_limit():
    hole = hole_with((2000, 2000), Box(500, 600, 900, 1400))
    (region,) = find_regions(hole)
    assert region.box == Box(372, 472, 1028, 1528)
    (region,) = find_regions(hole_with((2000, 2000), Box(500, 600, 900, 1050)))
    assert region.box == Box(410, 510, 990, 1140)


def test_the_crop_is_never_smaller_than_what_networks_are_trained_on():
    (region,) = find_regions(hole_with((2000, 2000), Box(500, 600, 501, 601)))
    assert region.box.area == 256**2
    (region,) = find_regions(hole_with((2000, 2000), Box(500, 600, 510, 610)), context=5)
    assert region.box == Box(495, 595, 515, 615)


def test_a_crop_at_the_edge_is_shifted_inside_and_aligned():
    (region,) = find_regions(hole_with((2000, 2000), Box(0, 1990, 100, 2000)), multiple=32)
    assert (region.box.top, region.box.right) == (0, 2000)
    assert (region.box.bottom % 32, (region.box.right - region.box.left) % 32) == (0, 0)


def test_holes_far_apart_are_filled_apart_and_close_ones_together():
    far = hole_with((2000, 2000), Box(100, 100, 150, 150), Box(1700, 1700, 1750, 1750))
    regions = find_regions(far)
    assert len(regions) == 2
    filled = [region.own(far, region.box).sum() for region in regions]
    assert filled == [2500, 2500]
    close = hole_with((2000, 2000), Box(100, 100, 150, 150), Box(100, 180, 150, 220))
    assert len(find_regions(close)) == 1


def test_crops_that_cost_more_than_one_around_both_are_joined():
    hole = hole_with((2000, 2000), Box(100, 100, 300, 300), Box(100, 420, 300, 620))
    assert len(find_regions(hole)) == 1


def test_holes_all_over_the_picture_are_filled_from_the_whole_picture():
    hole = np.zeros((1000, 1000), bool)
    hole[::100, ::100] = True
    (region,) = find_regions(hole)
    assert region.box == whole_picture(hole).box == Box(0, 0, 1000, 1000)
    assert (region.own(hole, region.box) == hole).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_every_hole_pixel_is_filled_by_exactly_one_region(height, width, n_holes, seed, has_context):
    rng = np.random.default_rng(seed)
    hole = np.zeros((height, width), bool)
    for _ in range(n_holes):
        top, left = rng.integers(height), rng.integers(width)
        hole[top : top + rng.integers(1, 60), left : left + rng.integers(1, 60)] = True
    filled = np.zeros((height, width), int)
    for region in find_regions(hole, context=10 if has_context else None, multiple=32):
        assert 0 <= region.box.top < region.box.bottom <= height
        assert 0 <= region.box.left < region.box.right <= width
        filled[region.box.slices] += region.own(hole, region.box)
    np.testing.assert_array_equal(filled, hole)
