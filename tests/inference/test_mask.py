import numpy as np
import pytest
import torch
from PIL import Image

from latent_inpaint.inference.mask import MaskWarning, grow, read_hole, warn_about


@pytest.mark.parametrize(
    "mask",
    [
        np.array([[0, 127, 128, 255]], np.uint8),
        np.array([[0, 127 * 257, 128 * 257, 65535]], np.uint16),
        np.array([[0, 0.5, 0.501, 1]], np.float32),
        np.array([[False, False, True, True]]),
        np.array([[0, 0, 1, 1]], np.uint8),
        np.array([[0, 0, 1, 1]], np.int64),
        torch.tensor([[[0, 0.5, 0.501, 1]]]),
        torch.tensor([[0, 127, 128, 255]], dtype=torch.uint8),
        torch.tensor([[0, 0, 1, 1]]),
        np.repeat(np.array([[0, 127, 128, 255]], np.uint8)[..., None], 3, axis=2),
        Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)),
        Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)).convert("RGBA"),
        Image.fromarray(np.array([[0, 0, 255, 255]], np.uint8)).convert("1"),
        Image.frombytes("I;16B", (4, 1), np.array([[0, 127 * 257, 128 * 257, 65535]], ">u2").tobytes()),
        np.array([[True, True, False, False]])[:, ::-1],
    ],
    ids=lambda mask: f"{type(mask).__name__}-{getattr(mask, 'dtype', getattr(mask, 'mode', ''))}",
)
@pytest.mark.filterwarnings("error")
def test_one_rule_for_every_kind(mask):
    hole = read_hole(mask, (1, 4))
    assert hole.tolist() == [[False, False, True, True]]
    assert torch.from_numpy(hole).dtype is torch.bool


def test_threshold_and_inversion():
    mask = np.array([[0, 40, 200]], np.uint8)
    assert read_hole(mask, (1, 3), threshold=40).tolist() == [[False, True, True]]
    assert read_hole(mask, (1, 3), invert=True).tolist() == [[True, True, False]]
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 255\], got 0"):
        read_hole(mask, (1, 3), threshold=0)


def test_another_size_is_an_error_that_names_both():
    with pytest.raises(ValueError, match="mask is 3×2 pixels, the image 30×20"):
        read_hole(np.zeros((2, 3), bool), (20, 30))


def test_resizing():
    mask = np.array([[True, False]])
    hole = read_hole(mask, (4, 6), resize=True)
    assert hole.tolist() == [[True, True, True, False, False, False]] * 4


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 30])
def test_growing(radius, rng):
    hole = rng.random((17, 23)) < 0.01
    hole[3, 4] = hole[16, 9] = hole[5, 22] = True  # on the border, too
    tensor = torch.from_numpy(hole)[None, None].float()
    pooled = torch.nn.functional.max_pool2d(
        torch.nn.functional.pad(tensor, [radius] * 4), 2 * radius + 1, stride=1
    )
    np.testing.assert_array_equal(grow(hole, radius), pooled[0, 0].bool().numpy())


def half_known(height=10, width=10):
    hole = np.ones((height, width), bool)
    hole[3:7, 3:9] = False
    return hole


@pytest.mark.parametrize(
    ("hole", "message"),
    [
        (np.zeros((4, 4), bool), "no hole"),
        (np.ones((4, 4), bool), "whole picture"),
        (np.arange(100).reshape(10, 10) > 5, "94% of the picture"),
        (half_known(), "surrounds what is known"),
    ],
)
def test_suspicious_masks_are_warned_about(hole, message):
    with pytest.warns(MaskWarning, match=message):
        warn_about(hole)


@pytest.mark.filterwarnings("error")
def test_an_ordinary_mask_passes_in_silence():
    warn_about(~half_known())


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ("mask.png", TypeError, "got str"),
        (np.zeros((2, 2, 7), np.uint8), ValueError, "1 to 4 channels"),
        (np.zeros((2, 2), np.complex64), ValueError, "got complex64"),
    ],
)
def test_masks_that_are_not_accepted(mask, error, message):
    with pytest.raises(error, match=message):
        read_hole(mask, (2, 2))


@pytest.mark.parametrize("resize", [False, True])
def test_a_mask_of_a_turned_picture_is_not_squeezed_into_it(resize):
    """Sides exchanged: the picture was turned by its EXIF, and its mask was made from the raw pixels."""
    message = "mask is 96×80 pixels, the image 80×96: pictures are turned as their EXIF says; turn the mask"
    with pytest.raises(ValueError, match=message):
        read_hole(np.eye(80, 96, dtype=bool), (96, 80), resize=resize)
