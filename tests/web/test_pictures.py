import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

import latent_inpaint
from latent_inpaint.web.pictures import PREVIEW_SIDE, painted_hole, preview, repair

PAINT = (255, 45, 85, 153)


@pytest.fixture(scope="module")
def network():
    return latent_inpaint.load(device="cpu", precision="float32")


def layer(size, box):
    painted = Image.new("RGBA", size)
    painted.paste(PAINT, box)
    return painted


@pytest.mark.parametrize(
    ("mode", "shown"), [("L", "RGB"), ("LA", "RGBA"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "RGB")]
)
def test_the_browser_gets_eight_bits_of_a_bounded_size(mode, shown):
    assert (preview(Image.new(mode, (40, 30))).mode, preview(Image.new(mode, (40, 30))).size) == (
        shown,
        (40, 30),
    )
    assert preview(Image.new(mode, (4000, 2000))).size == (PREVIEW_SIDE, PREVIEW_SIDE // 2)


def test_sixteen_bits_are_shown_scaled():
    deep = Image.fromarray(np.full((2, 2), 40_000, np.uint16))
    assert preview(deep).getpixel((0, 0)) == (155, 155, 155)


def test_the_hole_is_what_any_layer_was_painted_on():
    hole = painted_hole([layer((20, 10), (1, 2, 5, 6)), layer((20, 10), (10, 0, 12, 1))], (20, 10))
    expected = np.zeros((10, 20), np.uint8)
    expected[2:6, 1:5] = expected[0, 10:12] = 255
    np.testing.assert_array_equal(np.asarray(hole), expected)


def test_paint_on_a_reduced_picture_covers_the_same_part_of_the_picture():
    hole = np.asarray(painted_hole([layer((20, 10), (5, 2, 15, 8))], (200, 100)).point(lambda v: v >= 128))
    rows, columns = np.nonzero(hole)
    assert abs(rows.min() - 20) <= 1 and abs(rows.max() - 79) <= 1
    assert abs(columns.min() - 50) <= 1 and abs(columns.max() - 149) <= 1


def test_nothing_painted_is_an_error():
    for layers in ([], [Image.new("RGBA", (20, 10))]):
        with pytest.raises(ValueError, match="paint over what is to be replaced"):
            painted_hole(layers, (20, 10))


def test_the_file_has_the_full_size_and_all_that_the_upload_had(tmp_path, network, rng):
    pixels = rng.integers(0, 256, (60, 2100, 4), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "photo of mine.png", icc_profile=profile)
    (tmp_path / "results").mkdir()
    small = preview(Image.fromarray(pixels)).size
    done = repair(
        tmp_path / "photo of mine.png", [layer(small, (500, 5, 540, 20))], network, tmp_path / "results"
    )
    assert done.path.name == "photo of mine-repaired.png" and done.path.is_relative_to(tmp_path / "results")
    with Image.open(done.path) as written:
        result = np.asarray(written)
        assert written.info["icc_profile"] == profile
    changed = (result != pixels).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed.any() and columns.min() > 1000 and columns.max() < 1130 and rows.min() > 5
    assert done.before.size == done.after.size == small


def test_results_of_the_same_name_do_not_meet(tmp_path, network):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    done = [repair(tmp_path / "a.png", [layer((16, 16), (2, 2, 9, 9))], network, tmp_path) for _ in range(2)]
    assert done[0].path != done[1].path


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_nothing_in_the_pages_process_opens_other_formats(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    program = f"""
from PIL import Image
from latent_inpaint.web.pictures import limit_pillow
limit_pillow()
Image.open({str(tmp_path / "a.jpg")!r}).load()
try:
    Image.open({str(tmp_path / "a.png")!r})
except Image.UnidentifiedImageError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
