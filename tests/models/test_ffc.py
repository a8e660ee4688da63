import pytest
import torch
from torch import nn
from torch.nn import functional

from latent_inpaint.models import FFC, FFCRefiner, FFCResidualBlock, FourierUnit, SpectralTransform
from latent_inpaint.models.ffc import split_channels


@pytest.mark.parametrize("shape", [(8, 8), (6, 10), (5, 7)])
def test_fourier_unit_is_its_dense_matrix(shape):
    """The unit equals the textbook DFT, written as sums, around a 1×1 convolution."""
    height, width = shape
    unit = FourierUnit(3).eval()
    x = torch.randn(2, 3, height, width)
    rows = torch.arange(height)[:, None] * torch.arange(height)[None] / height
    columns = torch.arange(width)[:, None] * torch.arange(width)[None] / width
    dft_rows = torch.exp(-2j * torch.pi * rows) / height**0.5
    dft_columns = torch.exp(-2j * torch.pi * columns) / width**0.5
    spectrum = dft_rows @ x.to(torch.complex64) @ dft_columns
    half = spectrum[..., : width // 2 + 1]
    stacked = torch.stack([half.real, half.imag], dim=2).flatten(1, 2)  # re0, im0, re1, im1 …
    mixed = functional.relu(unit.norm(unit.conv(stacked))).unflatten(1, (3, 2))
    expected = torch.fft.irfft2(torch.complex(mixed[:, :, 0], mixed[:, :, 1]), s=shape, norm="ortho")
    torch.testing.assert_close(unit(x), expected, atol=1e-5, rtol=1e-5)


def test_merged_paths_equal_separate_convolutions():
    """local = l2l(x_l) + g2l(x_g), global = l2g(x_l) + spectral(x_g): LaMa's four paths."""
    ffc = FFC(8, ratio=0.75).eval()
    x = torch.randn(2, 8, 6, 6)
    local, globe = x[:, :2], x[:, 2:]

    def conv(part, weight):
        return functional.conv2d(functional.pad(part, (1, 1, 1, 1), mode="reflect"), weight)

    to_local = ffc.to_local.weight
    new_local = conv(local, to_local[:, :2]) + conv(globe, to_local[:, 2:])
    new_global = conv(local, ffc.local_to_global.weight) + ffc.global_to_global(globe)
    expected = functional.relu(ffc.norm(torch.cat([new_local, new_global], dim=1)))
    torch.testing.assert_close(ffc(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ratio", [0, 0.25, 0.75, 1])
def test_any_ratio(ratio):
    block = FFCResidualBlock(8, ratio)
    assert block(torch.randn(2, 8, 4, 6)).shape == (2, 8, 4, 6)


def test_channels_and_ratio_are_checked():
    assert split_channels(64, 0.75) == (16, 48)
    with pytest.raises(ValueError, match=r"ratio must be in \[0, 1\], got 1.5"):
        FFC(8, ratio=1.5)
    with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
        split_channels(0, 0.5)


def test_fourier_unit_stays_float32_under_autocast():
    transform = SpectralTransform(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isfinite(transform(torch.randn(1, 8, 6, 6))).all()


def test_delta_adds_the_latent():
    torch.manual_seed(0)
    plain = FFCRefiner(8, n_blocks=1).eval()
    torch.manual_seed(0)
    delta = FFCRefiner(8, n_blocks=1, delta=True).eval()
    z = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(delta(z), z + plain(z))


def test_n_blocks_is_checked():
    with pytest.raises(ValueError, match="n_blocks must be at least 1, got 0"):
        FFCRefiner(8, n_blocks=0)


@pytest.mark.parametrize("channels", [8, 16, 24, 32, 44])
def test_the_local_fourier_unit_sees_each_quarter_alone(channels):
    """Of any number of channels: what is left over by four gets none of it."""
    torch.manual_seed(0)
    with_it = SpectralTransform(channels, channels, nn.Identity, local=True)
    x = torch.rand(2, channels, 8, 8)
    without = SpectralTransform(channels, channels, nn.Identity)
    without.load_state_dict({k: v for k, v in with_it.state_dict().items() if "local" not in k})
    hidden = []
    for network in (with_it, without):
        network.expand.register_forward_pre_hook(lambda _, inputs: hidden.append(inputs[0]))
        network(x)
    added = hidden[0] - hidden[1]
    assert (added[..., :4, :4] - added[..., 4:, 4:]).abs().max() < 1e-5 < added.abs().max()
    used = channels // 2 // 4 * 4
    assert (added[:, used:] == 0).all() and (added[:, :used].abs().amax(dim=(0, 2, 3)) > 0).any()
