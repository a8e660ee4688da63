"""16-bit colour: every bit of what is known comes back, from PNG and TIFF of all kinds, with its metadata."""

import io
import json
import sys

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from latent_inpaint.cli import main
from latent_inpaint.inference.files import read_deep_picture, read_picture, write_picture
from latent_inpaint.pictures.deep import DeepPicture
from latent_inpaint.pictures.plain import PictureWarning

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def run(line):
    return main(line.split())


def colours(channels=3, height=24, width=32):
    return np.random.default_rng(0).integers(0, 65536, (height, width, channels), dtype=np.uint16)


def save_png(path, pixels):
    cv2.imwrite(str(path), pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def load(path):
    """By another program than the one under test, as far as there is one."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def exif(orientation=1):
    tags = Image.Exif()
    tags.update({ExifTags.Base.Make: "Maker", ExifTags.Base.Orientation: orientation})
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 400
    return tags


@pytest.fixture
def mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hole = np.zeros((24, 32), bool)
    hole[6:14, 8:20] = True
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return hole


TIFFS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
    "deflate, predicted": {"compression": "zlib", "predictor": True},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
}


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", TIFFS)
@pytest.mark.parametrize("ending", [".tif", ".png"])
def test_every_known_sample_of_a_tiff_comes_back(mask, tmp_path, kind, channels, ending):
    pixels, alpha = colours(channels), {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", **alpha, **TIFFS[kind])
    line = f"predict --model fast --image in.tif --mask mask.png --output out{ending}"
    assert run(line) == 0
    result = load(tmp_path / f"out{ending}")
    assert result.dtype == np.uint16 and np.array_equal(result[~mask], pixels[~mask])
    assert (result[mask][:, :3] != pixels[mask][:, :3]).any(axis=1).mean() > 0.9
    if channels == 4:
        assert np.array_equal(result[..., 3], pixels[..., 3])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("channels", [3, 4])
def test_a_png_keeps_its_bits_and_what_is_noted_in_it(mask, tmp_path, channels):
    pixels = colours(channels)
    write_picture(
        DeepPicture(pixels, {"icc_profile": PROFILE, "exif": exif().tobytes(), "dpi": (300, 150)}),
        tmp_path / "in.png",
    )
    for ending in (".png", ".tif"):
        line = f"predict --model fast --image in.png --mask mask.png --output out{ending}"
        assert run(line) == 0
        picture = read_deep_picture(tmp_path / f"out{ending}")
        assert isinstance(picture, DeepPicture)
        assert np.array_equal(picture.pixels[~mask], pixels[~mask])
        with Image.open(tmp_path / f"out{ending}") as opened:
            tags, info = opened.getexif(), dict(opened.info)
            assert tags[ExifTags.Base.Make] == "Maker"
            assert tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] == 400
        assert info["icc_profile"] == PROFILE
        assert [round(float(v)) for v in info["dpi"]] == [300, 150]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright(tmp_path, orientation):
    pixels = colours(height=4, width=6)
    written = io.BytesIO()
    Image.fromarray((pixels >> 8).astype(np.uint8)).save(written, "PNG", exif=exif(orientation))
    shallow = Image.open(written)
    write_picture(DeepPicture(pixels, {"exif": shallow.info["exif"]}), tmp_path / "in.png")
    with pytest.warns(PictureWarning):
        expected = np.asarray(read_picture(tmp_path / "in.png"))
    picture = read_deep_picture(tmp_path / "in.png")
    assert np.array_equal((picture.pixels >> 8).astype(np.uint8), expected)
    again = Image.Exif()
    again.load(picture.info["exif"])
    assert again.get(ExifTags.Base.Orientation, 1) == 1


def test_alpha_marks_the_hole_a_border_is_added_and_paint_is_understood(mask, tmp_path):
    pixels = colours(4)
    pixels[..., 3] = np.where(mask, 0, 65535)
    save_png(tmp_path / "in.png", pixels)
    assert run("predict --model fast --image in.png --mask-from-alpha --output out.png") == 0
    out = read_deep_picture("out.png")
    assert out.mode == "RGB;16" and np.array_equal(out.pixels[~mask], pixels[~mask][:, :3])
    assert (
        main(
            ["predict", "--model", "fast", "--image", "in.png", "--expand", "3,1,8,0", "--output", "big.png"]
        )
        == 0
    )
    big = read_deep_picture("big.png").pixels
    assert big.shape == (25, 43, 4) and np.array_equal(big[1:, 3:35], pixels)
    assert (big[0, :, 3] == 65535).all() and big[:, 35:, :3].any()
    flat = np.full((24, 32, 3), 20000, np.uint16)
    save_png(tmp_path / "flat.png", flat)
    flat[mask] = (65535, 0, 0)
    Image.fromarray((flat >> 8).astype(np.uint8)).save("painted.png")
    assert (
        main(
            [
                "predict",
                "--model",
                "fast",
                "--image",
                "flat.png",
                "--mask",
                "painted.png",
                "--output",
                "red.png",
            ]
        )
        == 0
    )
    red = read_deep_picture("red.png").pixels
    assert (red[~mask] == 20000).all() and red[mask][:, 0].max() < 40000


def test_a_folder_and_several_fills(mask, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    save_png(tmp_path / "photos/a.png", colours())
    line = "predict --model fast --images photos --mask mask.png --output out --json"
    assert run(line) == 0
    (told,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert told["state"] == "done" and not told["warnings"]
    assert np.array_equal(load(tmp_path / "out/a.png")[~mask][:, :3], colours()[~mask])


def test_what_cannot_be_kept_is_said(mask, tmp_path, monkeypatch):
    pixels = colours(4)
    tifffile.imwrite("in.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    with pytest.warns(PictureWarning, match=r"in\.tif: 16-bit colour is read as 8-bit: of this kind"):
        assert not isinstance(read_deep_picture("in.tif"), DeepPicture)
    save_png(tmp_path / "in.png", pixels)
    with pytest.raises(ValueError, match=r"out\.jpg: JPEG cannot hold 16 bits; write \.png or \.tif"):
        write_picture(read_deep_picture("in.png"), tmp_path / "out.jpg")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.warns(PictureWarning, match=r"8-bit: OpenCV is missing, pip install"):
        assert read_deep_picture("in.png").mode == "RGBA"


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_damaged_files_are_errors(tmp_path, ending):
    write_picture(DeepPicture(colours()), tmp_path / f"in{ending}")
    content = (tmp_path / f"in{ending}").read_bytes()
    for length in (len(content) // 2, len(content) - 100):
        (tmp_path / f"cut{ending}").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut\.(png|tif)"):
            read_deep_picture(tmp_path / f"cut{ending}")
