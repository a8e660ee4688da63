"""Fast Fourier Convolution (Chi et al., 2020) as in LaMa (Suvorov et al., 2022, section 2 and figure 2).

A feature map is one tensor `[B, C, H, W]`, local channels first, the last `ratio` of them global. Two of the
four paths of an FFC end in the local half (local→local, global→local): they are one 3×3 convolution over all
channels here, with the same result as two convolutions and a sum.

What costs time besides the convolutions is moving memory, so activations and gradients keep one layout, the
input's: adding a tensor of one layout to one of another takes ten times as long as adding equal ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from latent_inpaint.models.norm import conv_norm

RESIDUAL_SCALE = 0.1
Norm: TypeAlias = Callable[[int], Any]
"""Makes the norm of a number of channels; BatchNorm in LaMa."""


def split_channels(channels: int, ratio: float) -> tuple[int, int]:
    """Number of (local, global) channels; `ratio` in [0, 1] is the share of the global ones.

    Raises:
        ValueError: channels < 1 or ratio outside [0, 1].
    """
    if channels < 1:
        raise ValueError(f"channels must be at least 1, got {channels}")
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio must be in [0, 1], got {ratio}")
    n_global = int(channels * ratio)
    return channels - n_global, n_global


class _RealFFT(Function):
    """`_spectrum` with its adjoint, an inverse real FFT: autograd's is a complex one of twice the work."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.like = x.new_empty(0), layout(x), x.shape[-1]
        return _spectrum(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        like, memory_format, width = ctx.like
        picture = _picture(grad.float() / _multiplicity(width, grad), width)
        return picture.to(like.dtype, memory_format=memory_format)


class _InverseRealFFT(Function):
    """`_picture` with its adjoint, a real FFT."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, width: int) -> Tensor:
        ctx.dtype = spectrum.dtype
        return _picture(spectrum, width)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return (_spectrum(grad) * _multiplicity(grad.shape[-1], grad)).to(ctx.dtype), None


class _GradientInLayout(Function):
    """The identity; gradients take the layout of the values."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.layout = layout(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad.contiguous(memory_format=ctx.layout)


def layout(x: Tensor) -> torch.memory_format:
    """Memory format of `[B, C, H, W]`: channels last, or contiguous."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


class FourierUnit(nn.Module):
    """1×1 convolution in the frequency domain: real FFT, conv + norm + ReLU on (re₀, im₀ …), inverse FFT.

    Both transforms run in float32, whatever autocast says: half precision FFTs are not available everywhere.
    """

    def __init__(self, channels: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 2 * channels, kernel_size=1, bias=False)
        self.norm = norm(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` → `[B, C, H, W]`, in the layout and precision of `x`."""
        spectrum = _RealFFT.apply(x)  # [B, 2C, H, W/2+1]
        mixed = functional.relu(conv_norm(self.conv, self.norm, spectrum), inplace=True)
        return _InverseRealFFT.apply(mixed, x.shape[-1]).to(x.dtype, memory_format=layout(x))


class SpectralTransform(nn.Module):
    """Global→global path: 1×1 conv to half the channels, `u + fourier(u)`, 1×1 conv to the output.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        norm: makes each norm.
        local: add the local Fourier unit (Chi et al., 2020; LaMa has none): one over the four quarters of the
            first quarter of the channels, the same for all four; up to three channels that are left over get
            none of it. Sides are even then.
    """

    def __init__(
        self, in_channels: int, out_channels: int, norm: Norm = nn.BatchNorm2d, local: bool = False
    ) -> None:
        super().__init__()
        hidden = max(1, out_channels // 2)
        self.reduce = nn.Conv2d(in_channels, hidden, kernel_size=1, bias=False)
        self.norm = norm(hidden)
        self.fourier = FourierUnit(hidden, norm)
        self.expand = nn.Conv2d(hidden, out_channels, kernel_size=1, bias=False)
        quarters = hidden // 4 * 4
        self.local_fourier = FourierUnit(quarters, norm) if local and quarters else None

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, H, W]`."""
        u = functional.relu(conv_norm(self.reduce, self.norm, x), inplace=True)
        mixed = u + self.fourier(u)
        if self.local_fourier is not None:
            rows = torch.cat(u[:, : u.shape[1] // 4].chunk(2, dim=2), dim=1)
            local = self.local_fourier(torch.cat(rows.chunk(2, dim=3), dim=1)).repeat(1, 1, 2, 2)
            mixed = mixed + functional.pad(local, (0, 0, 0, 0, 0, mixed.shape[1] - local.shape[1]))
        return self.expand(mixed)


class FFC(nn.Module):
    """Fast Fourier Convolution + norm + ReLU on a latent in one tensor, local channels first.

    Args:
        channels: number of input and output channels C.
        ratio: share of the global channels, in [0, 1]; 0 is a plain 3×3 convolution.
        norm: makes each norm.
        local_fourier: see `SpectralTransform`.
    """

    def __init__(
        self,
        channels: int,
        ratio: float = 0.75,
        norm: Norm = nn.BatchNorm2d,
        local_fourier: bool = False,
    ) -> None:
        super().__init__()
        self.n_local, self.n_global = split_channels(channels, ratio)
        if self.n_local:
            self.to_local = _conv3x3(channels, self.n_local)
            _initialise_paths(self.to_local, [self.n_local, self.n_global])
        if self.n_global and self.n_local:
            self.local_to_global = _conv3x3(self.n_local, self.n_global)
        if self.n_global:
            self.global_to_global = SpectralTransform(self.n_global, self.n_global, norm, local_fourier)
        self.norm = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` → `[B, C, H, W]`, H and W at least 2 (reflect padding)."""
        return functional.relu(self.norm(self._convolve(x)), inplace=True)

    def _convolve(self, x: Tensor) -> Tensor:
        if not self.n_global:
            return self.to_local(x)
        local, globe = x.split([self.n_local, self.n_global], dim=1)
        global_half = self.global_to_global(globe)
        if not self.n_local:
            return global_half
        global_half = _gradient_in_layout(global_half + self.local_to_global(local))
        return torch.cat([self.to_local(x), global_half], dim=1)


class FFCResidualBlock(nn.Module):
    """`x + FFC(FFC(x))`; the sum starts close to `x`: a new refiner keeps what is known."""

    def __init__(self, channels: int, ratio: float = 0.75, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.ffc1 = FFC(channels, ratio, norm)
        self.ffc2 = FFC(channels, ratio, norm)
        nn.init.constant_(self.ffc2.norm.weight, RESIDUAL_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` → `[B, C, H, W]`."""
        return _gradient_in_layout(x + self.ffc2(self.ffc1(x)))


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, padding_mode="reflect", bias=False)


@torch.no_grad()
def _initialise_paths(conv: nn.Conv2d, in_channels: list[int]) -> None:
    """Initialise each path of a merged convolution as a convolution of its own (PyTorch's default)."""
    for weight in conv.weight.split([n for n in in_channels if n], dim=1):
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5))


def _spectrum(x: Tensor) -> Tensor:
    """Real FFT of `[B, C, H, W]` in float32: `[B, 2C, H, W/2+1]` (re₀, im₀, re₁ …), channels last."""
    with torch.autocast(x.device.type, enabled=False):
        half = torch.view_as_real(torch.fft.rfft2(x.float(), norm="ortho"))  # [B, C, H, W/2+1, 2]
    return half.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)


def _picture(spectrum: Tensor, width: int) -> Tensor:
    """Inverse of `_spectrum`, `[B, 2C, H, W/2+1]` → `[B, C, H, W]` in float32."""
    pairs = spectrum.float().permute(0, 2, 3, 1).unflatten(3, (-1, 2))  # [B, H, W/2+1, C, 2]
    with torch.autocast(spectrum.device.type, enabled=False):
        half = torch.view_as_complex(pairs.contiguous()).permute(0, 3, 1, 2)
        return torch.fft.irfft2(half, s=(spectrum.shape[-2], width), norm="ortho")


def _multiplicity(width: int, like: Tensor) -> Tensor:
    """How often each kept frequency counts: twice, but the first, and the last of an even width, once."""
    place = torch.arange(width // 2 + 1, device=like.device)  # made there: no step waits for a copy
    return 2.0 - ((place == 0) | (2 * place == width)).float()


def _gradient_in_layout(x: Tensor) -> Tensor:
    return _GradientInLayout.apply(x) if x.requires_grad else x
