import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from latent_inpaint.inference.files import (
    PictureWarning,
    check_output,
    read_mask,
    read_picture,
    write_picture,
)

ORIENTATION, ARTIST = 0x0112, 0x013B
CAMERA, LENS = 0x8769, 0xA434


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".bmp"])
def test_lossless_formats_keep_every_byte(tmp_path, pixels, ending):
    write_picture(Image.fromarray(pixels), tmp_path / f"out{ending}")
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / f"out{ending}")), pixels)
    assert [path.name for path in tmp_path.iterdir()] == [f"out{ending}"]


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif"])
def test_alpha_profile_and_exif_are_kept_and_the_picture_is_upright(tmp_path, rng, ending):
    pixels = rng.integers(0, 2, (6, 9, 4), dtype=np.uint8) * 200
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "nobody"
    exif.get_ifd(CAMERA)[LENS] = "a lens"
    Image.fromarray(pixels).save(tmp_path / "in.png", exif=exif, icc_profile=profile)
    write_picture(read_picture(tmp_path / "in.png"), tmp_path / f"out{ending}")
    with Image.open(tmp_path / f"out{ending}") as written:
        np.testing.assert_array_equal(np.asarray(written), np.rot90(pixels, -1))
        assert written.info["icc_profile"] == profile
        assert written.getexif().get(ORIENTATION, 1) == 1
        assert written.getexif()[ARTIST] == "nobody"
        assert written.getexif().get_ifd(CAMERA)[LENS] == "a lens"


@pytest.mark.filterwarnings("ignore:.*JPEG changes known pixels")
@pytest.mark.parametrize(
    ("mode", "ending", "read_back"),
    [
        ("L", ".png", "L"),
        ("LA", ".png", "LA"),
        ("L", ".webp", "RGB"),
        ("P", ".png", "RGB"),
        ("1", ".png", "L"),
        ("L", ".jpg", "L"),
    ],
)
def test_modes(tmp_path, pixels, mode, ending, read_back):
    Image.fromarray(pixels).convert(mode).save(tmp_path / "in.png")
    write_picture(read_picture(tmp_path / "in.png"), tmp_path / f"out{ending}")
    assert read_picture(tmp_path / f"out{ending}").mode == read_back


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bit_grey_keeps_every_bit(tmp_path, rng, ending):
    pixels = rng.integers(0, 65536, (6, 9), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / f"in{ending}")
    write_picture(read_picture(tmp_path / f"in{ending}"), tmp_path / f"out{ending}")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"out{ending}")), pixels)


def png(width: int, height: int, bit_depth: int, rows: bytes) -> bytes:
    """A PNG of RGB pixels from its parts."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bit_colour_is_read_as_eight_with_a_warning(tmp_path):
    row = b"\x00" + struct.pack(">6H", 0, 257, 65535, 65280, 1000, 2)
    (tmp_path / "deep.png").write_bytes(png(2, 1, 16, row))
    with pytest.warns(PictureWarning, match="16-bit colour is read as 8-bit"):
        picture = read_picture(tmp_path / "deep.png")
    assert np.asarray(picture)[0, 0].tolist() == [0, 1, 255]


@pytest.mark.filterwarnings("error")
def test_eight_bits_are_not_taken_for_sixteen(tmp_path):
    Image.new("RGB", (536, 8)).save(tmp_path / "in.bmp")  # its rows have 1608 bytes
    assert read_picture(tmp_path / "in.bmp").mode == "RGB"


def test_cmyk_loses_its_profile_with_a_warning(tmp_path, pixels):
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "in.jpg", icc_profile=b"of CMYK")
    with pytest.warns(PictureWarning, match="CMYK"):
        picture = read_picture(tmp_path / "in.jpg")
    assert picture.mode == "RGB" and "icc_profile" not in picture.info


def test_of_several_frames_the_first_is_used(tmp_path, pixels):
    first = Image.fromarray(pixels)
    first.save(tmp_path / "in.tif", save_all=True, append_images=[Image.fromarray(255 - pixels)])
    with pytest.warns(PictureWarning, match="first of 2 frames"):
        np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "in.tif")), pixels)


def no_picture(path: Path) -> None:
    path.write_text("a letter")


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    Image.effect_noise((90, 90), 50).convert("RGB").save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:900])


def unknown_texture(path: Path) -> None:
    path.write_bytes(b"DDS " + struct.pack("<I", 124) + bytes(120))


def enormous(path: Path) -> None:
    path.write_bytes(png(100_000, 100_000, 8, bytes(1000)))


def large(path: Path) -> None:
    path.write_bytes(png(12_000, 12_000, 8, bytes(1000)))


@pytest.mark.parametrize("read", [read_picture, read_mask])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_picture, "not a picture"),
        (empty, "not a picture"),
        (truncated, "damaged picture"),
        (unknown_texture, "not a picture"),
        (enormous, "refused"),
        (large, "12000×12000 pixels, more than 134217728, refused"),
    ],
)
def test_bad_files(tmp_path, read, make, message):
    make(tmp_path / "file.png")
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path / "file.png")
    assert "file.png" in str(error.value)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("form", ["GIF", "TIFF"])
def test_frames_that_cannot_be_counted(tmp_path, form):
    path = tmp_path / "file.png"
    frames = [Image.effect_noise((24, 20), 50) for _ in range(3)]
    frames[0].save(path, form, save_all=True, append_images=frames[1:])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"file\.png: damaged picture"):
        read_picture(path)


@pytest.mark.filterwarnings("error")
def test_a_picture_of_8192_squared_pixels_is_not_refused(tmp_path):
    Image.new("1", (8192, 8192)).save(tmp_path / "large.png")
    assert read_mask(tmp_path / "large.png").size == (8192, 8192)


def test_outputs_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="is a folder, expected a file to write"):
        check_output(tmp_path, "RGB", (9, 6))
    with pytest.raises(ValueError, match="the ending must be one of"):
        check_output(tmp_path / "out.xyz", "RGB", (9, 6))
    with pytest.raises(ValueError, match="JPEG cannot hold alpha"):
        check_output(tmp_path / "out.jpg", "RGBA", (9, 6))
    with pytest.raises(ValueError, match="WEBP cannot hold 16 bits"):
        check_output(tmp_path / "out.webp", "I;16", (9, 6))
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        check_output(tmp_path / "nowhere" / "out.png", "RGB", (9, 6))


@pytest.mark.parametrize(("name", "largest"), [("out.webp", 16_383), ("out.JPG", 65_500)])
def test_outputs_of_too_many_pixels_a_side(tmp_path, name, largest):
    check_output(tmp_path / name, "RGB", (largest, 1))
    with pytest.raises(ValueError, match=f"holds at most {largest} pixels a side, got 1×{largest + 1}"):
        check_output(tmp_path / name, "RGB", (1, largest + 1))


def test_a_lossy_format_is_warned_about(tmp_path, pixels):
    with pytest.warns(PictureWarning, match=r"JPEG changes known pixels too; lossless are \.png"):
        write_picture(Image.fromarray(pixels), tmp_path / "out.jpg")


@pytest.mark.parametrize("read", [read_picture, read_mask])
def test_a_folder_is_not_a_file(tmp_path, read):
    with pytest.raises(ValueError, match="not a file"):
        read(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, how: False)  # root may write everywhere
    with pytest.raises(PermissionError, match="cannot be written"):
        check_output(tmp_path / "out.png", "RGB", (9, 6))


def test_a_failed_write_leaves_the_old_file(tmp_path, pixels, monkeypatch):
    write_picture(Image.fromarray(pixels), tmp_path / "out.png")
    before = (tmp_path / "out.png").read_bytes()

    def full_disk(self, file, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_picture(Image.fromarray(255 - pixels), tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_tiffs_own_tags_are_kept(tmp_path, rng, orientation):
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST], exif[0x8298] = orientation, "nobody", "a copyright"
    exif.get_ifd(CAMERA)[LENS] = "a lens"
    pixels = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.tif", exif=exif.tobytes())
    picture = read_picture(tmp_path / "in.tif")
    assert picture.size == ((20, 12) if orientation == 1 else (12, 20))
    for name in ("out.tif", "out.png"):
        write_picture(picture, tmp_path / name)
        with Image.open(tmp_path / name) as written:
            tags = written.getexif()
            assert (tags[ARTIST], tags[0x8298], tags.get(ORIENTATION, 1)) == ("nobody", "a copyright", 1)
            assert tags.get_ifd(CAMERA)[LENS] == "a lens"
            np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))
