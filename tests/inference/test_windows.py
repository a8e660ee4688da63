import numpy as np
import pytest
import torch

from latent_inpaint.inference.canvas import Box, Canvas
from latent_inpaint.inference.windows import decode, encode, split
from latent_inpaint.models import (
    Decoder,
    Encoder,
    FFCRefiner,
    LatentInpainter,
    MaskAsAlpha,
    MaskControl,
    composite,
)
from latent_inpaint.models.geometry import pad_to_multiple


@pytest.fixture
def canvas(rng):
    return Canvas(rng.integers(0, 256, (150, 203, 3), dtype=np.uint8))


@pytest.fixture
def hole(rng):
    return rng.random((150, 203)) < 0.3


def network_of_depth(n_downsampling: int, is_alpha: bool) -> LatentInpainter:
    torch.manual_seed(1)
    encoder = Encoder(ngf=3, n_downsampling=n_downsampling, in_channels=4 if is_alpha else 3)
    controls = MaskAsAlpha()
    if not is_alpha:
        controls = MaskControl(encoder.stage_channels)
        for zero_conv in controls.zero_convs:
            torch.nn.init.normal_(zero_conv.weight, std=0.1)
    refiner = FFCRefiner(encoder.latent_channels, n_blocks=1)
    return LatentInpainter(encoder, refiner, Decoder(3, n_downsampling), controls).eval()


def tensors(canvas, hole, box, factor):
    image = canvas.read(box)
    mask = torch.from_numpy(hole[box.slices])[None, None].float()
    return pad_to_multiple(image, factor), pad_to_multiple(mask, factor)


@pytest.mark.parametrize("n_downsampling", [1, 2, 3, 4])
@pytest.mark.parametrize("is_alpha", [True, False])
@pytest.mark.parametrize("box", [Box(0, 0, 150, 203), Box(9, 31, 101, 203)])
@torch.no_grad()
def test_windows_give_what_the_whole_crop_gives(canvas, hole, n_downsampling, is_alpha, box):
    network = network_of_depth(n_downsampling, is_alpha)
    factor = network.down_factor
    expected = network.encode_masked(*tensors(canvas, hole, box, factor))
    latent = encode(network, canvas, box, hole, max_pixels=900)
    torch.testing.assert_close(latent, expected, rtol=0, atol=1e-5)
    prediction = network.decode(expected)
    wanted = np.zeros((box.bottom - box.top, box.right - box.left), bool)
    wanted[20:60, 30:70] = wanted[-1, -1] = True
    covered = np.zeros_like(wanted)
    for part, found in decode(network, expected, box, wanted, margin=5, max_pixels=900):
        inside = Box(part.top - box.top, part.left - box.left, part.bottom - box.top, part.right - box.left)
        rows, columns = inside.slices
        torch.testing.assert_close(found, prediction[0, :, rows, columns], rtol=0, atol=1e-5)
        covered[inside.slices] = True
    assert covered[wanted].all() and not covered.all()


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (17, 16)])
@torch.no_grad()
def test_small_pictures_equal_the_networks_own_padding(network, rng, size):
    canvas = Canvas(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    hole = np.ones(size, bool)
    latent = network.refine(encode(network, canvas, canvas.whole, hole, max_pixels=300))
    image, mask = canvas.read(canvas.whole), torch.ones(1, 1, *size)
    expected = composite(image, mask, network(image, mask))[0]
    for part, found in decode(network, latent, canvas.whole, hole, margin=0, max_pixels=300):
        rows, columns = part.slices
        torch.testing.assert_close(found, expected[:, rows, columns], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("box", "area"), [(Box(3, 5, 40, 90), 50), (Box(0, 0, 1, 1000), 64), (Box(0, 0, 9, 9), 1e9)]
)
def test_splitting_covers_once_and_keeps_to_the_area(box, area):
    count = np.zeros((box.bottom, box.right), int)
    for window in split(box, area):
        assert window.area <= area
        count[window.slices] += 1
    assert (count[box.slices] == 1).all() and count.sum() == box.area
