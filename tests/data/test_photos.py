import io

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.photos import UnreadablePicture, read_picture


def saved(image: Image.Image, suffix: str = "png", **options) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, {"jpg": "JPEG"}.get(suffix, suffix.upper()), **options)
    buffer.seek(0)
    return buffer


def test_rgb_is_read_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture = read_picture(saved(Image.fromarray(pixels)))
    np.testing.assert_array_equal(picture, pixels)
    assert picture.dtype == np.uint8 and picture.flags.writeable


def test_exif_orientation_is_applied():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise to view
    picture = read_picture(saved(Image.fromarray(pixels), exif=exif))
    assert picture.shape == (6, 4, 3)
    np.testing.assert_array_equal(picture, np.rot90(pixels, -1))


def test_grey_is_copied_to_three_channels():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(read_picture(saved(Image.fromarray(grey))), np.stack([grey] * 3, -1))


def test_black_and_white_is_0_and_255():
    bits = Image.fromarray(np.array([[True, False]]))
    np.testing.assert_array_equal(read_picture(saved(bits))[..., 0], [[255, 0]])


def test_palette_gives_its_colours():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    np.testing.assert_array_equal(read_picture(saved(image)), [[[10, 20, 30], [200, 100, 50]]])


def test_transparent_palette_entries_become_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    picture = read_picture(saved(image, transparency=0))
    np.testing.assert_array_equal(picture, [[[255, 255, 255], [200, 100, 50]]])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(mode):
    colour = (0, 0, 0) if mode == "RGBA" else (0,)
    image = Image.new(mode, (3, 1))
    image.putdata([(*colour, 0), (*colour, 255), (*colour, 51)])
    np.testing.assert_array_equal(read_picture(saved(image))[0, :, 0], [255, 0, 204])


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = np.array([[0, 257, 32768, 65535]], np.uint16)
    np.testing.assert_array_equal(read_picture(saved(Image.fromarray(grey)))[0, :, 1], [0, 1, 128, 255])


def test_cmyk_jpeg_becomes_rgb():
    picture = read_picture(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "jpg"))
    assert picture.shape == (16, 16, 3)
    assert picture[..., 0].mean() > 200 > 60 > picture[..., 1].mean()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("shape", [(900, 1300), (1300, 900)])
def test_large_pictures_are_reduced_to_the_limit(suffix, shape):
    gradient = np.linspace(0, 255, shape[1], dtype=np.uint8)[None, :, None].repeat(shape[0], 0).repeat(3, 2)
    source = saved(Image.fromarray(gradient), suffix)
    short = 200
    picture = read_picture(source, max_short_side=short)
    assert min(picture.shape[:2]) == short
    assert max(picture.shape[:2]) == pytest.approx(short * 1300 / 900, abs=1)
    middle = picture[picture.shape[0] // 2, :, 0].astype(int)
    assert np.abs(middle - np.linspace(0, 255, len(middle))).max() < 6


def test_pictures_below_the_limit_keep_their_size():
    assert read_picture(saved(Image.new("RGB", (50, 40)), "jpg"), max_short_side=64).shape == (40, 50, 3)


def test_draft_decoding_is_used_for_jpegs(monkeypatch):
    sizes = []
    load = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, *a, **k: sizes.append(self.size) or load(self, *a, **k)
    )
    read_picture(saved(Image.new("RGB", (1600, 1200)), "jpg"), max_short_side=140)
    assert sizes[0] == (200, 150)  # an eighth


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0broken"])
def test_foreign_files_are_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadablePicture, match=r"broken\.jpg: cannot be read as a picture"):
        read_picture(path)


def test_truncated_jpeg_is_an_error(tmp_path, make_truncated):
    with pytest.raises(UnreadablePicture, match=r"cut\.jpg.*truncated"):
        read_picture(make_truncated(tmp_path / "cut.jpg"))


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(UnreadablePicture, match="no such file"):
        read_picture(tmp_path / "gone.png")


def test_other_formats_are_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.bmp")
    with pytest.raises(UnreadablePicture):
        read_picture(tmp_path / "a.bmp")


def test_damaged_files_never_raise_anything_else(tmp_path, make_picture):
    rng = np.random.default_rng(0)
    for suffix in ("jpg", "png", "webp"):
        content = make_picture(tmp_path / f"a.{suffix}", 24, 24).read_bytes()
        for _ in range(60):
            damaged = bytearray(content)
            for position in rng.integers(0, len(damaged), 8):
                damaged[position] = rng.integers(256)
            try:
                assert read_picture(io.BytesIO(bytes(damaged))).shape[2] == 3
            except UnreadablePicture:
                continue
