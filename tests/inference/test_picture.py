import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import latent_inpaint
from latent_inpaint.inference.mask import MaskWarning
from latent_inpaint.models.inpainter import LatentInpainter, composite
from latent_inpaint.models.storage import save_model

LAMA_TINY = Path(__file__).parents[1] / "fixtures" / "lama_tiny"


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (37, 50, 3), dtype=np.uint8)


@pytest.fixture
def hole():
    hole = np.zeros((37, 50), dtype=bool)
    hole[5:20, 10:30] = True
    return hole


def test_the_result_is_the_composite_of_the_networks_prediction(network, image, hole):
    result = latent_inpaint.inpaint(image, hole, network)
    picture = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    mask = torch.from_numpy(hole)[None, None].float()
    with torch.no_grad():
        expected = composite(picture, mask, network(picture, mask))
    expected = (expected[0] * 255).round().byte().permute(1, 2, 0).numpy()
    assert result.dtype == np.uint8 and result.shape == image.shape
    assert np.abs(result.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(result[~hole], image[~hole])
    assert (result[hole] != image[hole]).any()


def test_the_input_is_not_changed(network, image, hole):
    before = image.copy()
    latent_inpaint.inpaint(image, hole, network)
    np.testing.assert_array_equal(image, before)


def check_size_and_known_pixels(network, height, width, share, cell, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    coarse = rng.random((-(-height // cell), -(-width // cell))) < share
    hole = np.kron(coarse, np.ones((cell, cell), bool))[:height, :width]
    result = latent_inpaint.inpaint(image, hole, network)
    assert result.shape == image.shape and result.dtype == image.dtype
    np.testing.assert_array_equal(result[~hole], image[~hole])


shares, cells, seeds = st.floats(0, 1), st.integers(1, 40), st.integers(0, 2**32 - 1)
no_fixture_check = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=25, **no_fixture_check)
@given(st.integers(1, 70), st.integers(1, 70), shares, cells, seeds)
@pytest.mark.filterwarnings("ignore::latent_inpaint.inference.mask.MaskWarning")
def test_any_size_and_mask_keeps_size_and_known_pixels(network, height, width, share, cell, seed):
    check_size_and_known_pixels(network, height, width, share, cell, seed)


large_sizes = st.integers(1, 1100)


@settings(max_examples=8, **no_fixture_check)
@given(large_sizes, large_sizes, shares, cells, seeds)
@pytest.mark.filterwarnings("ignore::latent_inpaint.inference.mask.MaskWarning")
def test_sizes_up_to_1100_keep_size_and_known_pixels(network, height, width, share, cell, seed):
    check_size_and_known_pixels(network, height, width, share, cell, seed)


@pytest.mark.slow
@settings(max_examples=100, **no_fixture_check)
@given(large_sizes, large_sizes, shares, cells, seeds)
@pytest.mark.filterwarnings("ignore::latent_inpaint.inference.mask.MaskWarning")
def test_many_sizes_up_to_1100_keep_size_and_known_pixels(network, height, width, share, cell, seed):
    check_size_and_known_pixels(network, height, width, share, cell, seed)


def test_what_is_in_the_hole_does_not_matter(network, image, hole):
    other = image.copy()
    other[hole] = 255 - other[hole]
    result = latent_inpaint.inpaint(image, hole, network)
    np.testing.assert_array_equal(latent_inpaint.inpaint(other, hole, network), result)


def test_pil_and_torch_give_what_numpy_gives(network, image, hole):
    expected = latent_inpaint.inpaint(image, hole, network)
    mask = Image.fromarray(hole.astype(np.uint8) * 255)
    pil = latent_inpaint.inpaint(Image.fromarray(image), mask, network)
    assert isinstance(pil, Image.Image) and pil.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(pil), expected)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    found = latent_inpaint.inpaint(tensor, torch.from_numpy(hole)[None], network)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), expected)
    floats = latent_inpaint.inpaint(tensor / 255, torch.from_numpy(hole)[None].float(), network)
    assert floats.dtype == torch.float32
    assert torch.equal(floats[:, ~torch.from_numpy(hole)], (tensor / 255)[:, ~torch.from_numpy(hole)])
    np.testing.assert_allclose(floats.permute(1, 2, 0).numpy() * 255, expected, atol=0.51)


def test_inpaint_is_a_method_of_what_load_gives(tmp_path, network, image, hole):
    model = latent_inpaint.load(save_model(network, tmp_path / "model"), "cpu", "float32")
    expected = latent_inpaint.inpaint(image, hole, network)
    np.testing.assert_array_equal(model.inpaint(image, hole), expected)
    tensor, mask = torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(hole)[None]
    batch = model.inpaint(torch.stack([tensor, tensor]), torch.stack([mask, mask]))
    np.testing.assert_array_equal(batch[1].permute(1, 2, 0).numpy(), expected)
    assert model.inpaint(Image.fromarray(image), hole).tobytes() == expected.tobytes()
    inverted = model.inpaint(image, ~hole, invert_mask=True)
    np.testing.assert_array_equal(inverted, expected)
    assert isinstance(model, latent_inpaint.Pipeline) and isinstance(model.model, LatentInpainter)


def test_what_load_gives_can_be_saved_and_copied(tmp_path, network, image, hole):
    model = latent_inpaint.load(save_model(network, tmp_path / "model"), "cpu", "float32")
    expected = model.inpaint(image, hole)
    again = latent_inpaint.load(save_model(model.model, tmp_path / "again"), "cpu", "float32")
    np.testing.assert_array_equal(again.inpaint(image, hole), expected)
    np.testing.assert_array_equal(copy.deepcopy(model).inpaint(image, hole), expected)


def test_several_pictures_at_once(network, image, hole):
    expected = latent_inpaint.inpaint(image, hole, network)
    batch, masks = np.stack([image, image[::-1]]), np.stack([hole, hole[::-1]])
    found = latent_inpaint.inpaint(batch, masks, network)
    np.testing.assert_array_equal(found[0], expected)
    tensors = latent_inpaint.inpaint(
        torch.from_numpy(batch).permute(0, 3, 1, 2), torch.from_numpy(masks)[:, None], network
    )
    np.testing.assert_array_equal(tensors.permute(0, 2, 3, 1).numpy(), found)
    pictures = [Image.fromarray(image), Image.fromarray(image).crop((0, 0, 20, 25))]
    results = latent_inpaint.inpaint(pictures, [hole, hole[:25, :20]], network)
    assert [result.size for result in results] == [(50, 37), (20, 25)]
    with pytest.raises(ValueError, match="as many masks as pictures are expected, 2, got 1"):
        latent_inpaint.inpaint(pictures, [hole], network)


def test_alpha_grey_and_sixteen_bits(network, image, hole, rng):
    alpha = rng.integers(0, 256, hole.shape, dtype=np.uint8)
    colour = latent_inpaint.inpaint(image, hole, network)
    with_alpha = latent_inpaint.inpaint(np.dstack([image, alpha]), hole, network)
    np.testing.assert_array_equal(with_alpha, np.dstack([colour, alpha]))
    grey = image[..., 0]
    result = latent_inpaint.inpaint(grey, hole, network)
    rgb = latent_inpaint.inpaint(np.repeat(grey[..., None], 3, axis=2), hole, network)
    assert np.abs(result[hole] - rgb[hole] @ [0.299, 0.587, 0.114]).max() <= 1
    deep = grey.astype(np.uint16) * 257
    deep_result = latent_inpaint.inpaint(deep, hole, network)
    assert deep_result.dtype == np.uint16
    np.testing.assert_array_equal(deep_result[~hole], deep[~hole])
    assert np.abs(deep_result[hole] / 257 - result[hole]).max() <= 0.51
    pil = latent_inpaint.inpaint(Image.fromarray(deep), hole, network)
    assert pil.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(pil), deep_result)


@pytest.mark.parametrize(
    ("mode", "found"),
    [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("LA", "LA"), ("RGBA", "RGBA")],
)
def test_pil_modes(network, image, hole, mode, found):
    picture = Image.fromarray(image).convert(mode)
    result = latent_inpaint.inpaint(picture, hole, network)
    assert (result.mode, result.size) == (found, picture.size)
    np.testing.assert_array_equal(np.asarray(result)[~hole], np.asarray(picture.convert(found))[~hole])


def test_no_hole_returns_the_picture_with_a_warning(network, image, hole):
    with pytest.warns(MaskWarning, match="no hole"):
        result = latent_inpaint.inpaint(image, np.zeros_like(hole), network)
    np.testing.assert_array_equal(result, image)


def test_all_hole_warns_and_works(network, image, hole):
    with pytest.warns(MaskWarning, match="whole picture"):
        result = latent_inpaint.inpaint(image, np.ones_like(hole), network)
    assert result.shape == image.shape


def test_a_model_may_be_given_by_its_path(image, hole):
    model = latent_inpaint.load(LAMA_TINY)
    result = latent_inpaint.inpaint(image, hole, LAMA_TINY)
    np.testing.assert_array_equal(result, latent_inpaint.inpaint(image, hole, model))


def test_bfloat16_is_close_to_float32(network, image, hole):
    exact = latent_inpaint.inpaint(image, hole, network, precision="float32").astype(int)
    half = latent_inpaint.inpaint(image, hole, network, precision="bfloat16").astype(int)
    assert 0 < np.abs(exact - half).max() < 8


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("photo.jpg", TypeError, "image must be a numpy array, a PIL image or a torch tensor, got str"),
        (np.zeros((4, 4, 5), np.uint8), ValueError, "1 to 4 channels"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "at least one pixel"),
        (np.zeros((4, 4, 3), np.int64), ValueError, "image must be of type uint8"),
        (np.full((4, 4, 3), 255.0), ValueError, r"floats must lie in \[0, 1\], got \[255, 255\]"),
        (np.full((4, 4, 3), np.nan), ValueError, r"floats must lie in \[0, 1\]"),
        (Image.new("F", (4, 4)), ValueError, "no defined range"),
    ],
)
def test_pictures_that_are_not_accepted(network, image, error, message):
    with pytest.raises(error, match=message):
        latent_inpaint.inpaint(image, np.ones((4, 4), bool), network)


def test_an_unknown_option_is_an_error(network, image, hole):
    with pytest.raises(TypeError, match="sharpness"):
        latent_inpaint.inpaint(image, hole, network, sharpness=2)
    with pytest.raises(ValueError, match="precision must be one of"):
        latent_inpaint.inpaint(image, hole, network, precision="int4")


def test_inference_imports_no_training_library():
    program = f"""
import sys, numpy, latent_inpaint
model = latent_inpaint.load({str(LAMA_TINY)!r})
mask = numpy.zeros((16, 16), bool); mask[4:8, 4:8] = True
latent_inpaint.inpaint(numpy.zeros((16, 16, 3), numpy.uint8), mask, model)
heavy = "lightning pytorch_lightning hydra albumentations kornia torchmetrics cv2 scipy sklearn skimage lpips"
print([name for name in heavy.split() if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (torch.zeros(0, 3, 8, 8), torch.zeros(0, 1, 8, 8)),
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8), bool)),
        ([], []),
    ],
)
def test_an_empty_batch_gives_an_empty_batch(network, images, masks):
    result = latent_inpaint.inpaint(images, masks, network)
    assert type(result) is type(images) and len(result) == 0
    assert isinstance(images, list) or (result.shape == images.shape and result.dtype == images.dtype)
