import copy
from pathlib import Path

import cv2
import kornia
import numpy as np
import pytest
import torch

import latent_inpaint
from latent_inpaint.inference import refinement
from latent_inpaint.inference.canvas import Box, Canvas
from latent_inpaint.inference.pyramid import build_pyramid, halve, halve_hole
from latent_inpaint.inference.refinement import RefinementOptions, RefinementWarning, erode, refine_level


def test_halving_is_the_originals_blur_and_bilinear_interpolation():
    x = torch.rand(2, 3, 34, 50)
    blurred = kornia.filters.gaussian_blur2d(x, (5, 5), (1.0, 1.0))
    expected = torch.nn.functional.interpolate(blurred, (17, 25), mode="bilinear", align_corners=False)
    torch.testing.assert_close(halve(x), expected)


def test_holes_are_rounded_down_for_the_loss_and_up_for_pictures():
    hole = np.zeros((16, 16), bool)
    hole[4:11, 4:10] = True
    small = halve_hole(torch.from_numpy(hole)[None, None].float())[0, 0].bool().numpy()
    assert small.sum() == 3 * 3 and small[2:5, 2:5].all()
    (_, _), (_, small_hole) = build_pyramid(
        Canvas(np.zeros((16, 16, 3), np.uint8)), hole, Box(0, 0, 16, 16), 1
    )
    assert small_hole[1:7, 1:6].all() and small_hole.sum() == 6 * 5


def test_a_pyramid_in_chunks_equals_one_in_one_piece(monkeypatch, rng):
    canvas = Canvas(rng.integers(0, 256, (75, 41, 3), dtype=np.uint8))
    hole = rng.random((75, 41)) < 0.02
    box = Box(2, 1, 73, 40)
    whole = build_pyramid(canvas, hole, box, 2)
    monkeypatch.setattr("latent_inpaint.inference.pyramid._CHUNK_PIXELS", 350)
    for (a, hole_a), (b, hole_b) in zip(whole, build_pyramid(canvas, hole, box, 2)):
        np.testing.assert_allclose(a.source, b.source, atol=1e-6)
        np.testing.assert_array_equal(hole_a, hole_b)
    assert [level.size for level, _ in whole] == [(72, 40), (36, 20), (18, 10)]
    np.testing.assert_array_equal(whole[0][0].source[:71, :39], canvas.source[box.slices])


def test_erosion_is_opencvs_with_an_ellipse(rng):
    hole = np.zeros((60, 70), np.uint8)
    hole[5:50, 10:] = rng.random((45, 60)) < 0.999
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    expected = cv2.erode(hole, ellipse)
    found = erode(torch.from_numpy(hole).float()[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(found, expected)
    assert 0 < expected.sum() < hole.sum()


@pytest.mark.parametrize(
    ("sides", "n_halvings"),
    [((100, 4000), 0), ((724, 4000), 0), ((726, 4000), 1), ((1500, 1500), 2), ((8000, 8000), 2)],
)
def test_number_of_scales(sides, n_halvings):
    assert RefinementOptions().n_halvings(Box(0, 0, *sides)) == n_halvings


@pytest.mark.parametrize("min_side", [1, 512, 1000])
def test_the_least_side_is_the_first_that_is_halved(min_side):
    options = RefinementOptions(min_side=min_side)
    sides = (options.least_side - 1, options.least_side)
    assert [options.n_halvings(Box(0, 0, side, 4000)) for side in sides] == [0, 1]


def test_refining_what_is_too_small_is_warned_about(network, rng):
    image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    with pytest.warns(RefinementWarning, match="refine: nothing to refine; .* has 725 pixels or more"):
        latent_inpaint.inpaint(image, np.eye(40, dtype=bool), network, refine=True)


@pytest.fixture
def level(rng):
    canvas = Canvas(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    hole = np.zeros((96, 128), bool)
    hole[10:80, 20:110] = True
    lower = Canvas(np.full((48, 64, 3), 0.2, np.float32))
    return canvas, hole, lower


def distance_to(lower: Canvas, canvas: Canvas, hole: np.ndarray) -> float:
    inner = erode(halve_hole(torch.from_numpy(hole)[None, None].float()))
    gap = (halve(canvas.read_result(canvas.whole)) - lower.read(lower.whole)).abs()
    return float((gap * inner).sum() / inner.sum() / 3)


@pytest.mark.parametrize("tile_positions", [10_000, 1])
@torch.no_grad()
def test_more_iterations_bring_the_picture_closer_to_the_scale_below(
    network, level, tile_positions, monkeypatch
):
    monkeypatch.setattr(refinement, "_OVERLAP", 3)
    network = copy.deepcopy(network)
    network.decoder.to_image.weight *= 80  # random weights hardly react to the latent
    canvas, hole, lower = level
    distances = []
    for n_iterations in (1, 12):
        fresh = Canvas(canvas.source)
        options = RefinementOptions(n_iterations=n_iterations, learning_rate=0.1)
        refine_level(network, fresh, hole, lower, options, tile_positions, 0, lambda done, total: None)
        distances.append(distance_to(lower, fresh, hole))
        np.testing.assert_array_equal(fresh.result[~hole], canvas.source[~hole])
    assert distances[1] < 0.95 * distances[0]


@torch.no_grad()
def test_one_pass_is_plain_inference(network, level):
    canvas, hole, lower = level
    refine_level(
        network, canvas, hole, lower, RefinementOptions(n_iterations=1), 10_000, 0, lambda done, total: None
    )
    expected = latent_inpaint.inpaint(canvas.source, hole, network, region_of_interest=False)
    np.testing.assert_array_equal(canvas.result, expected)


@torch.no_grad()
def test_tiles_fade_into_each_other(network, level, monkeypatch):
    """Two tiles of different brightness: no column of the seam jumps."""
    canvas, hole, lower = level
    shades = iter(np.linspace(0.2, 0.8, 12))
    monkeypatch.setattr(refinement, "_OVERLAP", 2)

    def tile_of_one_shade(network, canvas, hole, box, lower, options, report):
        return torch.full((3, box.bottom - box.top, box.right - box.left), float(next(shades)))

    monkeypatch.setattr(refinement, "_refine_tile", tile_of_one_shade)
    refine_level(network, canvas, hole, lower, RefinementOptions(), 8**2, 0, lambda done, total: None)
    filled = canvas.result[12:78, 22:108].astype(int)
    assert filled.max() - filled.min() > 50
    assert np.abs(np.diff(filled, axis=0)).max() < 12 and np.abs(np.diff(filled, axis=1)).max() < 12


@torch.no_grad()
def test_gradients_leave_the_network_alone(network, level):
    canvas, hole, lower = level
    before = {name: value.clone() for name, value in network.state_dict().items()}
    refine_level(
        network, canvas, hole, lower, RefinementOptions(n_iterations=3), 10_000, 0, lambda done, total: None
    )
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("source", ["ours", "imported"])
def test_refine_is_an_option_of_inpaint(network, rng, source):
    if source == "imported":
        network = latent_inpaint.load(
            Path(__file__).parents[1] / "fixtures" / "lama_tiny", "cpu", "float32"
        ).model
    image = rng.integers(0, 256, (150, 160, 3), dtype=np.uint8)
    hole = np.zeros((150, 160), bool)
    hole[20:120, 20:130] = True
    plain = latent_inpaint.inpaint(image, hole, network)
    refined = latent_inpaint.inpaint(image, hole, network, refine=RefinementOptions(min_side=64))
    assert refined.shape == image.shape and (refined != plain).any()
    np.testing.assert_array_equal(refined[~hole], image[~hole])
