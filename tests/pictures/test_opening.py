"""Only documented formats are opened, and TIFF comes back right, or is refused."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.mask_folders import read_labels
from latent_inpaint.data.photos import UnreadablePicture
from latent_inpaint.data.photos import read_picture as read_for_training
from latent_inpaint.inference.files import read_mask, read_picture, write_picture
from latent_inpaint.pictures.opening import open_picture
from latent_inpaint.pictures.plain import PictureWarning

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES, ROWS, COUNTS = (
    256, 257, 258, 259, 262, 273, 277, 278, 279,
)  # fmt: skip
PLANAR, EXTRA, FORMAT, SUBSAMPLING = 284, 338, 339, 530
BLACK_IS_ZERO, WHITE_IS_ZERO, RGB, CMYK, YCBCR = 1, 0, 2, 5, 6


def tiff(path, planes, photometric, bits, deflate=False, **more):
    """A TIFF of planes of bytes, from its parts; each plane is a strip. `more` are tags by name."""
    height, width, samples = more.pop("size")
    packed = [zlib.compress(plane) if deflate else plane for plane in planes]
    starts = np.cumsum([8, *map(len, packed)])
    tags = {
        WIDTH: [width], LENGTH: [height], BITS: [bits] * samples, COMPRESSION: [8 if deflate else 1],
        PHOTOMETRIC: [photometric], OFFSETS: starts[:-1].tolist(), SAMPLES: [samples], ROWS: [height],
        COUNTS: [len(plane) for plane in packed], PLANAR: [1 if len(planes) == 1 else 2],
    }  # fmt: skip
    tags |= {
        {"extra": EXTRA, "format": FORMAT, "subsampling": SUBSAMPLING}[key]: v for key, v in more.items()
    }
    entries, extra = b"", b""
    beyond = int(starts[-1]) + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        data = struct.pack(f"<{len(values)}I", *values)
        if len(data) > 4:
            data, extra = struct.pack("<I", beyond + len(extra)), extra + data
        entries += struct.pack("<HHI", tag, 4, len(values)) + data
    body = b"".join(packed) + struct.pack("<H", len(tags)) + entries + bytes(4) + extra
    path.write_bytes(b"II*\0" + struct.pack("<I", int(starts[-1])) + body)
    return path


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.filterwarnings("error")
def test_eight_bit_colour_comes_back_byte_for_byte(tmp_path, rng, deflate, planar):
    pixels = rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    planes = [plane.tobytes() for plane in np.moveaxis(pixels, 2, 0)] if planar else [pixels.tobytes()]
    picture = read_picture(tiff(tmp_path / "a.tif", planes, RGB, 8, deflate, size=pixels.shape))
    np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("deflate", [False, True])
def test_white_may_be_zero(tmp_path, rng, kind, deflate):
    pixels = rng.integers(0, np.iinfo(kind).max, (6, 9), dtype=kind)
    bits = 8 * pixels.itemsize
    path = tiff(tmp_path / "a.tif", [pixels.tobytes()], WHITE_IS_ZERO, bits, deflate, size=(6, 9, 1))
    expected = np.iinfo(kind).max - pixels
    for read in (read_picture, read_mask):
        np.testing.assert_array_equal(np.asarray(read(path)), expected)
    write_picture(read_picture(path), tmp_path / "out.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), expected)


def test_deep_colour_in_one_plane_is_read_with_a_warning(tmp_path, rng):
    pixels = rng.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
    path = tiff(tmp_path / "a.tif", [pixels.tobytes()], RGB, 16, size=pixels.shape)
    with pytest.warns(PictureWarning, match="16-bit colour is read as 8-bit"):
        np.testing.assert_array_equal(np.asarray(read_picture(path)), pixels >> 8)


@pytest.mark.parametrize(
    ("count", "photometric", "bits", "more", "message"),
    [
        (3, RGB, 16, {"planar": True}, "separate planes of 16 bits"),
        (4, CMYK, 16, {"planar": True}, "separate planes of 16 bits"),
        (2, BLACK_IS_ZERO, 8, {"planar": True, "extra": [2]}, "separate planes of grey and alpha"),
        (2, BLACK_IS_ZERO, 8, {"planar": True, "extra": [2], "deflate": True}, "separate planes of grey"),
        (1, BLACK_IS_ZERO, 12, {}, "12 bits"),
        (1, BLACK_IS_ZERO, 8, {"format": [2]}, "signed 8-bit values"),
        (3, YCBCR, 8, {"subsampling": [2, 2]}, "subsampled YCbCr without compression"),
        (3, YCBCR, 8, {}, "subsampled YCbCr without compression"),
    ],
)
def test_what_pillow_decodes_wrongly_is_refused(tmp_path, rng, count, photometric, bits, more, message):
    planes = [rng.bytes(6 * 10 * bits // 8) for _ in range(count)]
    planes = planes if more.pop("planar", False) else [b"".join(planes)]
    path = tiff(tmp_path / "a.tif", planes, photometric, bits, size=(6, 10, count), **more)
    for read in (read_picture, read_mask):
        with pytest.raises(ValueError, match=f"a.tif: a TIFF of .*{message}.* is not read"):
            read(path)


@pytest.mark.parametrize(
    ("extra", "note"), [([0], "1 of its 4 channels are neither colour nor alpha"), ([1], "premultiplied")]
)
def test_channels_that_are_changed_or_dropped_are_told(tmp_path, rng, extra, note):
    pixels = rng.integers(0, 256, (6, 9, 4), dtype=np.uint8)
    path = tiff(tmp_path / "a.tif", [pixels.tobytes()], RGB, 8, size=pixels.shape, extra=extra)
    with pytest.warns(PictureWarning, match=note):
        read_picture(path)


@pytest.mark.parametrize(
    "compression", ["group3", "group4", "jpeg", "tiff_lzw", "packbits", "tiff_adobe_deflate"]
)
@pytest.mark.filterwarnings("error")
def test_a_tiff_is_written_lossless_whatever_its_own_compression(tmp_path, rng, compression):
    image = Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8))
    image = image.convert("1") if compression.startswith("group") else image
    image.save(tmp_path / "in.tif", compression=compression)
    picture = read_picture(tmp_path / "in.tif")
    write_picture(picture, tmp_path / "out.tif")
    picture.save(tmp_path / "by_hand.tif")
    for name in ("out.tif", "by_hand.tif"):
        with Image.open(tmp_path / name) as written:
            np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_a_tiff(tmp_path, rng, orientation):
    pixels = rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=_turned(orientation))
    Image.fromarray(pixels).save(tmp_path / "a.tif", exif=_turned(orientation))
    upright, png = read_picture(tmp_path / "a.tif"), read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(upright), np.asarray(png))
    write_picture(upright, tmp_path / "out.tif")
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "out.tif")), np.asarray(png))


def _turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_sixteen_bit_grey_with_alpha_stays_grey(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.array([[[256, 65535], [5 * 257, 0]]], ">u2")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 4, 0, 0, 0))
    body = header + chunk(b"IDAT", zlib.compress(b"\0" + pixels.tobytes())) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.warns(PictureWarning, match="16-bit grey with alpha is read as 8-bit"):
        picture = read_picture(tmp_path / "a.png")
    assert picture.mode == "LA" and np.asarray(picture).tolist() == [[[1, 255], [5, 0]]]


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg", ".bmp"])
@pytest.mark.filterwarnings("ignore:.*JPEG changes known pixels")
def test_dots_per_inch_are_kept(tmp_path, ending):
    Image.new("RGB", (9, 6)).save(tmp_path / "in.png", dpi=(300, 150))
    write_picture(read_picture(tmp_path / "in.png"), tmp_path / f"out{ending}")
    with Image.open(tmp_path / f"out{ending}") as written:
        assert written.info["dpi"] == pytest.approx((300, 150), abs=0.02)


FOREIGN = ("EPS", "PDF", "PPM", "ICO", "TGA", "JPEG2000", "PCX", "SGI", "DDS", "IM")


@pytest.fixture(params=FOREIGN)
def foreign(request, tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(stream, request.param)
    path = tmp_path / "a.png"
    path.write_bytes(stream.getvalue())
    return path


@pytest.mark.parametrize(
    "read",
    [
        read_picture,
        read_mask,
        read_for_training,
        read_labels,
        open_picture,
        lambda p: open_picture(io.BytesIO(p.read_bytes())),
    ],
)
def test_no_reader_opens_another_format(foreign, monkeypatch, read):
    def run(*arguments, **options):
        raise AssertionError("a program was started")

    for name in ("Popen", "run", "check_call", "check_output", "call"):
        monkeypatch.setattr(f"subprocess.{name}", run)
    monkeypatch.setattr(os, "system", run)
    with pytest.raises(ValueError, match="not a picture") as error:
        read(foreign)
    assert read is not read_for_training or isinstance(error.value, UnreadablePicture)


def test_names_that_are_too_long_are_an_error_of_ours(tmp_path):
    with pytest.raises(ValueError, match="File name too long"):
        open_picture(tmp_path / ("a" * 300 + ".png"))
