import io

import numpy as np
import pytest
from PIL import ExifTags, Image

import latent_inpaint
from latent_inpaint.inference.mask import read_hole
from latent_inpaint.pictures.plain import PictureWarning, plain_mode, upright

ORIENTATION = ExifTags.Base.Orientation
WIDTH, HEIGHT = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight


def opened(image, form="PNG", **options):
    """An image as if opened from a file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return Image.open(io.BytesIO(stream.getvalue()))


def lying(pixels, orientation=6):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update({WIDTH: pixels.shape[1], HEIGHT: pixels.shape[0]})
    return opened(Image.fromarray(pixels), exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_of_a_turned_picture_fits(rng, orientation):
    turned = upright(lying(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8), orientation))
    exif = Image.Exif()
    exif.load(turned.info["exif"])
    sizes = exif.get_ifd(ExifTags.IFD.Exif)
    assert exif.get(ORIENTATION, 1) == 1
    assert (sizes[WIDTH], sizes[HEIGHT]) == turned.size == ((9, 6) if orientation < 5 else (6, 9))


def test_a_lying_photograph_and_its_upright_mask(network, rng):
    photograph = lying(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    hole = np.zeros((30, 20), bool)
    hole[5:20, 3:9] = True
    result = latent_inpaint.inpaint(photograph, hole, network)
    expected = np.asarray(upright(photograph))
    np.testing.assert_array_equal(np.asarray(result)[~hole], expected[~hole])
    assert result.size == (20, 30) and result.getexif().get(ORIENTATION, 1) == 1
    lying_mask = lying(np.rot90(hole).astype(np.uint8) * 255)
    again = latent_inpaint.inpaint(photograph, lying_mask, network)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(result))


@pytest.mark.parametrize(("mode", "kind"), [("I;16B", ">u2"), ("I;16L", "<u2"), ("I;16", "<u2")])
def test_sixteen_bits_of_any_byte_order_are_kept(mode, kind):
    values = np.array([[0, 1000, 128 * 257, 65535]])
    image = Image.frombytes(mode, (4, 1), values.astype(kind).tobytes())
    image.info["icc_profile"] = b"of grey"
    plain = plain_mode(image)
    assert plain.mode == "I;16" and plain.info["icc_profile"] == b"of grey"
    np.testing.assert_array_equal(np.asarray(plain), values)
    assert read_hole(image, (1, 4)).tolist() == [[False, False, True, True]]


def test_transparency_of_sixteen_bits_is_dropped_with_a_warning():
    pixels = np.array([[0, 1000, 65535]], np.uint16)
    with pytest.warns(PictureWarning, match="image: the transparency of 16-bit grey is dropped"):
        plain = plain_mode(opened(Image.fromarray(pixels), transparency=1000))
    assert plain.mode == "I;16" and "transparency" not in plain.info
    np.testing.assert_array_equal(np.asarray(plain), pixels)


@pytest.mark.filterwarnings("ignore:image. CMYK is turned into RGB")
@pytest.mark.parametrize(("mode", "kept"), [("CMYK", False), ("RGB", True), ("L", True), ("P", True)])
def test_a_profile_of_another_kind_of_colour_is_dropped(network, mode, kept):
    image = Image.new(mode, (16, 16))
    image.info["icc_profile"] = b"a profile"
    hole = np.eye(16, dtype=bool)
    result = latent_inpaint.inpaint(image, hole, network)
    assert ("icc_profile" in result.info) == kept and "icc_profile" in image.info
