"""One reading of masks: every kind gives one hole, or says why not."""

import numpy as np
import pytest
import torch
from PIL import Image

from latent_inpaint.pictures.masks import UnclearMask, understand

HOLE = np.zeros((80, 96), bool)
HOLE[30:50, 40:64] = True
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


def grey(inside, outside=0, kind=np.uint8):
    return Image.fromarray(np.where(HOLE, inside, outside).astype(kind))


def colours(inside, outside):
    return Image.fromarray(np.where(HOLE[..., None], inside, outside).astype(np.uint8))


def palette(inside, outside):
    image = Image.fromarray(HOLE.astype(np.uint8)).convert("P")
    image.putpalette([*outside, *inside])
    return image


def keyed():
    image = palette(BLACK, WHITE)
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    ("mask", "note"),
    [
        (grey(255), None),
        (grey(200, 30), None),
        (Image.fromarray(HOLE), None),
        (grey(1), "its values are 0 and 1: 1 is the hole"),
        (grey(76), "its largest value is 76 of 255: what is not 0 is the hole"),
        (grey(255, kind=np.uint16), "16-bit values reach no further than 255"),
        (grey(1, kind=np.uint16), "its values are 0 and 1"),
        (grey(4095, kind=np.uint16), "its largest value is 4095 of 65535"),
        (grey(65535, kind=np.uint16), None),
        (grey(255, kind=np.int32), None),
        (grey(1, kind=np.float32), None),
        (grey(0.3, kind=np.float32), "its largest value is 0.3 of 1"),
        (grey(255, kind=np.float32), None),
        (colours(WHITE, BLACK), None),
        (colours(RED, BLACK), "it is painted in red: what is not black is the hole"),
        (colours((0, 0, 255), BLACK), "it is painted in blue"),
        (colours((128, 0, 0), BLACK), "it is painted in red"),
        (colours((40, 0, 0), BLACK), "it is painted in red"),
        (palette(WHITE, BLACK), None),
        (palette((128, 0, 0), BLACK), "it is painted in red"),
        (keyed(), "what is painted is the hole"),
        (colours((*WHITE, 255), (*BLACK, 0)), "what is painted is the hole"),
        (colours((*WHITE, 255), (*WHITE, 0)), "what is painted is the hole"),
        (colours((*BLACK, 255), (*BLACK, 0)), "what is painted is the hole"),
        (colours((*RED, 90), (*WHITE, 0)), "what is painted is the hole"),
        (colours((*BLACK, 0), (*BLACK, 255)), "what is erased is the hole"),
        (colours((*WHITE, 0), (*WHITE, 255)), "what is erased is the hole"),
        (colours((*WHITE, 255), (*BLACK, 255)), None),
        (colours((*RED, 255), (*BLACK, 255)), "it is painted in red"),
        (colours((255, 255), (0, 0)), "what is painted is the hole"),
        (colours((*WHITE, 255), (*BLACK, 255)).convert("RGBa"), None),
        (colours(WHITE, BLACK).convert("CMYK"), None),
        (colours(WHITE, BLACK).convert("YCbCr"), None),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_one_hole_of_many_kinds(mask, note):
    reading = understand(mask)
    np.testing.assert_array_equal(reading.hole, HOLE)
    assert reading.how and len(reading.notes) == (0 if note is None else max(1, len(reading.notes)))
    assert note is None or any(note in said for said in reading.notes), reading.notes


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", ["HW", "HW1", "HW3"])
def test_arrays_of_zeros_and_ones(kind, shape):
    array = HOLE.astype(kind)
    array = array if shape == "HW" else np.repeat(array[..., None], int(shape[2]), axis=2)
    for mask in (array, torch.from_numpy(array if array.ndim == 2 else array.transpose(2, 0, 1))):
        reading = understand(mask)
        np.testing.assert_array_equal(reading.hole, HOLE)
        assert not reading.notes and torch.from_numpy(reading.hole).dtype is torch.bool


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32, np.float32])
def test_all_ones_are_a_whole_hole_and_zeros_none(kind):
    assert understand(np.ones((4, 5), kind)).hole.all()
    assert not understand(np.zeros((4, 5), kind)).hole.any()
    assert understand(Image.new("L", (4, 5), 1)).hole.all()


def photograph(mode="RGB"):
    ramp = np.linspace(0, 255, 96)[None, :, None] * np.ones((80, 1, 1)) * (1, 0.9, 0.8)
    return Image.fromarray(ramp.astype(np.uint8)).convert(mode)


def on(image, patch):
    image = image.copy()
    image.paste(patch, (40, 30, 64, 50))
    return image


def erased_photograph():
    image = photograph("RGBA")
    image.putalpha(Image.fromarray(np.where(HOLE, 0, 255).astype(np.uint8)))
    return image


def test_what_is_erased_from_a_photograph_is_the_hole():
    reading = understand(erased_photograph())
    np.testing.assert_array_equal(reading.hole, HOLE)
    assert reading.notes == ("its alpha channel has a shape: what is transparent is the hole",)


def labels(*values):
    array = np.zeros((80, 96), np.uint8)
    for number, value in enumerate(values):
        array[10 * number : 10 * number + 10] = value
    return Image.fromarray(array)


def two_shapes():
    image = colours((*WHITE, 255), (*BLACK, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 20))
    return image


def half_painted():
    image = Image.new("RGBA", (96, 80))
    image.paste((0, 0, 0, 255), (0, 0, 48, 80))
    return image


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (photograph(), "it looks like a picture, not like a mask: .* grey levels"),
        (photograph("L"), "it looks like a picture, not like a mask"),
        (on(photograph(), RED), r"it has colours \(red\), and .* of it is light"),
        (colours(RED, WHITE), r"it has colours \(red\), and 94% of it is light"),
        (labels(1, 2, 3), "its largest value is 3 of 255 .of 4 values., the threshold is 128"),
        (labels(1, 2, 255), "it looks like a label map, of the values 0, 1, 2, 255"),
        (two_shapes(), "its colours have a shape and its alpha channel another"),
        (half_painted(), "50% of it is painted and the rest transparent"),
        (palette(BLACK, BLACK), "its palette shows 2 values in one colour"),
        (Image.new("L", (96, 80), 76), "it is 76 of 255 everywhere"),
        (colours((*WHITE, 0), (*BLACK, 0)), "it is transparent everywhere, but its colours have a shape"),
        (HOLE - 1.0, "its values are -1 to 0"),
        (np.where(HOLE, np.nan, 0), "its values are NaN"),
        (HOLE * 1e6, "its largest value is 1e.06, expected 1, 255 or 65535"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_was_seen(mask, message):
    with pytest.raises(UnclearMask, match=message):
        understand(mask)


def test_several_colours_are_refused():
    mask = on(Image.new("RGB", (96, 80)), RED)
    mask.paste((0, 0, 255), (0, 0, 20, 20))
    with pytest.raises(UnclearMask, match=r"it has colours \(red, blue\)"):
        understand(mask)


def test_another_threshold_is_literal():
    photo = photograph("L")
    assert understand(photo, 100).hole.sum() == (np.asarray(photo) >= 100).sum()
    assert not understand(colours(RED, BLACK), 127).hole.any(), "the luma of red is 76"
    np.testing.assert_array_equal(understand(colours(RED, BLACK), 60).hole, HOLE)
    np.testing.assert_array_equal(understand(grey(1), 1).hole, HOLE)
    assert not understand(grey(1), 2).hole.any()


def test_grey_parts_are_told():
    mask = on(Image.new("L", (96, 80)), 100)
    mask.paste(255, (0, 0, 20, 20))
    reading = understand(mask)
    assert reading.notes == ("6.2% of it is grey: of that, 128 of 255 and more is the hole",)
    assert reading.hole.sum() == 400


@pytest.mark.parametrize("quality", [60, 80, 95])
@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_noise_of_lossy_files_is_none(tmp_path, quality, form):
    grey(255).save(tmp_path / "mask", form, quality=quality)
    with Image.open(tmp_path / "mask") as mask:
        reading = understand(mask)
    assert (reading.hole != HOLE).sum() <= 8 and not reading.notes
