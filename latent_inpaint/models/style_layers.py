"""Layers of StyleGAN2 (Karras et al., 2020a, 2020b), from the papers.

Weights are drawn from N(0, 1) and scaled when they are used, so that all learn at one rate (Karras et al.,
2018). Sizes change through a binomial filter [1, 3, 3, 1] against aliasing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE, GAIN = 0.2, math.sqrt(2)
SMALLEST = 4
"""Side at which the networks' pyramids end."""


def side_of(widths: Sequence[int]) -> int:
    """The pictures' side, 4 · 2^(n − 1) for n widths, of which the last one is of 4×4.

    Raises:
        ValueError: fewer than two widths, or one below 1.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two, each at least 1, got {list(widths)}")
    return SMALLEST << (len(widths) - 1)


def leaky(x: Tensor, gain: float = GAIN) -> Tensor:
    """LeakyReLU(0.2) times a gain, √2 by default, that keeps the variance."""
    return functional.leaky_relu(x, SLOPE) * gain


def binomial(x: Tensor, padding: tuple[int, int], gain: float = 1.0) -> Tensor:
    """Each channel filtered by [1, 3, 3, 1] ⊗ [1, 3, 3, 1], of sum `gain`.

    Args:
        x: `[B, C, H, W]`.
        padding: zeros before and after, along both axes.
        gain: sum of the filter.

    Returns:
        `[B, C, H + a + b − 3, W + a + b − 3]`, for a padding of (a, b).
    """
    place = torch.arange(4, device=x.device, dtype=x.dtype)  # made on the device: nothing waits for a copy
    taps = (1 + place * (3 - place)) / 8
    channels = x.shape[1]
    x = functional.pad(x, (*padding, *padding))
    rows = (taps * gain).view(1, 1, 4, 1).expand(channels, 1, 4, 1)
    columns = taps.view(1, 1, 1, 4).expand(channels, 1, 1, 4)
    return functional.conv2d(functional.conv2d(x, rows, groups=channels), columns, groups=channels)


def doubled(x: Tensor) -> Tensor:
    """`[B, C, H, W]` at twice the size: zeros in between, then filtered."""
    spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    spread[:, :, ::2, ::2] = x
    return binomial(spread, (2, 1), 4.0)


class EqualLinear(nn.Module):
    """`act(W x + b)` with a scaled weight.

    Args:
        in_features: of x.
        out_features: of the result.
        bias: value that all biases start from.
        rate: factor of the learning rate.
        activated: LeakyReLU with its gain; else linear.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: float = 0.0,
        rate: float = 1.0,
        activated: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / rate)
        self.bias = nn.Parameter(torch.full((out_features,), bias / rate))
        self.rate, self.activated = rate, activated

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_features]` → `[B, out_features]`."""
        scale = self.rate / math.sqrt(self.weight.shape[1])
        y = functional.linear(x, self.weight * scale, self.bias * self.rate)
        return leaky(y) if self.activated else y


class EqualConv2d(nn.Module):
    """Convolution with a scaled weight, at the same or at half the size.

    Args:
        in_channels: of x.
        out_channels: of the result.
        kernel_size: odd.
        bias: whether there is one.
        halves: filter, and keep every second position.
        gain: of the activation, LeakyReLU; None: linear.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        halves: bool = False,
        gain: float | None = GAIN,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.halves, self.gain = halves, gain

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, H, W]`, or half of H and W, which are even."""
        weight = self.weight / math.sqrt(self.weight[0].numel())
        padding = self.weight.shape[-1] // 2
        if self.halves:
            x = functional.conv2d(binomial(x, (padding + 1, padding + 1)), weight, self.bias, stride=2)
        else:
            x = functional.conv2d(x, weight, self.bias, padding=padding)
        return x if self.gain is None else leaky(x, self.gain)


def modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, demodulate: bool = True, doubles: bool = False
) -> Tensor:
    """A convolution whose weight is scaled by the style, picture by picture (Karras et al., 2020a, eq. 1–3).

    Args:
        x: `[B, I, H, W]`.
        weight: `[O, I, k, k]`.
        style: `[B, I]`, the factor of each input channel.
        demodulate: bring each output channel's weights to length 1.
        doubles: at twice the size.

    Returns:
        `[B, O, H, W]`, or twice H and W.
    """
    batch, channels = x.shape[:2]
    weights = weight * style[:, None, :, None, None]  # [B, O, I, k, k]
    if demodulate:
        weights = weights * torch.rsqrt(weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, batch * channels, *x.shape[2:])
    if doubles:
        transposed = weights.transpose(1, 2).flatten(0, 1)  # [B·I, O, k, k]
        y = functional.conv_transpose2d(x, transposed, stride=2, groups=batch)
        y = binomial(y, (1, 1), 4.0)
    else:
        y = functional.conv2d(x, weights.flatten(0, 1), padding=weight.shape[-1] // 2, groups=batch)
    return y.view(batch, -1, *y.shape[2:])


class StyledConv(nn.Module):
    """Modulated convolution, noise, LeakyReLU; no bias: FcF's code has one and never adds it.

    Args:
        in_channels: of x.
        out_channels: of the result.
        style_features: of the style.
        size: side of the result, for the noise that is kept.
        doubles: at twice the size.
    """

    noise: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, style_features: int, size: int, doubles: bool = False
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style_features, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(size, size))
        self.doubles = doubles

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None = None) -> Tensor:
        """`[B, in_channels, h, w]` → `[B, out_channels, size, size]`.

        Args:
            x: features.
            style: `[B, style_features]`.
            noise: `[B, 1, size, size]`; None: the kept one, the same for every picture.
        """
        y = modulated_conv(x, self.weight, self.affine(style), doubles=self.doubles)
        return leaky(y + (self.noise if noise is None else noise) * self.strength)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to a picture, without demodulation.

    Args:
        in_channels: of x.
        style_features: of the style.
    """

    def __init__(self, in_channels: int, style_features: int) -> None:
        super().__init__()
        self.affine = EqualLinear(style_features, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, 3, H, W]`."""
        factors = self.affine(style) / math.sqrt(self.weight.shape[1])
        return modulated_conv(x, self.weight, factors, demodulate=False) + self.bias[:, None, None]


def with_deviation(x: Tensor, group: int = 4) -> Tensor:
    """`x` and one more channel: how much the pictures of a group differ (Karras et al., 2018, section 3).

    Args:
        x: `[B, C, H, W]`; B a multiple of the group's size, or smaller.
        group: pictures in a group.

    Returns:
        `[B, C + 1, H, W]`.
    """
    batch, channels, height, width = x.shape
    size = min(group, batch)
    parts = x.float().reshape(size, -1, channels, height, width)
    deviation = (parts.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))  # [B / size]
    extra = deviation.to(x.dtype).repeat(size).view(batch, 1, 1, 1).expand(-1, 1, height, width)
    return torch.cat([x, extra], dim=1)
