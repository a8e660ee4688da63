"""Encoder and decoder of the LaMa generator (Suvorov et al., 2022): image ↔ latent at 1/2^n of its size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.norm import conv_norm, folded
from latent_inpaint.models.parts import part


def stage_widths(ngf: int, n_downsampling: int, max_channels: int) -> list[int]:
    """Channels after the 7×7 block and each stride-2 block: `ngf, 2·ngf, 4·ngf …`, at most `max_channels`.

    Raises:
        ValueError: ngf < 1, n_downsampling < 1 or max_channels < ngf.
    """
    if ngf < 1:
        raise ValueError(f"ngf must be at least 1, got {ngf}")
    if n_downsampling < 1:
        raise ValueError(f"n_downsampling must be at least 1, got {n_downsampling}")
    if max_channels < ngf:
        raise ValueError(f"max_channels must be at least ngf = {ngf}, got {max_channels}")
    return [min(max_channels, ngf * 2**i) for i in range(n_downsampling + 1)]


class ConvBlock(nn.Module):
    """Convolution with reflect padding, without bias, + BatchNorm + ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            padding_mode="reflect" if kernel_size > 1 else "zeros",
            bias=False,
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, ⌈H/stride⌉, ⌈W/stride⌉]`."""
        return functional.relu(conv_norm(self.conv, self.norm, x), inplace=True)


@part
class Encoder(nn.Module):
    """Image → latent `[B, latent_channels, H/2^n, W/2^n]`; the local channels of the FFC refiner come first.

    Args:
        ngf: width of the 7×7 block; each stride-2 block doubles it.
        n_downsampling: number n of stride-2 blocks, at least 1.
        in_channels: 3, or 4 with the mask as fourth channel ("alpha").
        max_channels: cap of the width.
    """

    def __init__(
        self, ngf: int = 64, n_downsampling: int = 3, in_channels: int = 3, max_channels: int = 1024
    ) -> None:
        super().__init__()
        if in_channels not in (3, 4):
            raise ValueError(f"in_channels must be 3 (image) or 4 (image and mask), got {in_channels}")
        widths = stage_widths(ngf, n_downsampling, max_channels)
        self.in_channels = in_channels
        self.stage_channels = widths
        self.latent_channels = widths[-1]
        self.down_factor = 2**n_downsampling
        self.receptive_field = 7 + 2 * (2**n_downsampling - 1)  # of the 7×7 and the stride-2 3×3 kernels
        self.stem = ConvBlock(in_channels, widths[0], kernel_size=7)
        self.downs = nn.ModuleList(
            ConvBlock(a, b, kernel_size=3, stride=2) for a, b in itertools.pairwise(widths)
        )

    def forward(self, image: Tensor, controls: Sequence[Tensor] | None = None) -> Tensor:
        """Encode `[B, in_channels, H, W]` in [0, 1], H and W multiples of `down_factor`.

        Args:
            image: the picture, its hole already set to 0; of 4 channels the mask is the last, and empty where
                only three are given.
            controls: one tensor per stage (`stage_channels`, finest first), added to that stage's activation.
        """
        if image.shape[1] < self.in_channels:
            image = functional.pad(image, (0, 0, 0, 0, 0, 1))
        x = self.stem(image)
        if controls is None:
            for down in self.downs:
                x = down(x)
            return x
        x = x + controls[0]
        for down, control in zip(self.downs, controls[1:], strict=True):
            x = down(x) + control
        return x


class UpBlock(nn.Module):
    """Transposed 3×3 convolution that doubles the size, + BatchNorm + ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(out_channels)
        _start_bilinear(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, 2H, 2W]`."""
        if self.training:
            return functional.relu(self.norm(self.conv(x)), inplace=True)
        weight, bias = folded(self.conv, self.norm)
        x = functional.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)
        return functional.relu(x, inplace=True)


@part
class Decoder(nn.Module):
    """Latent → image: transposed convolutions that halve the width, then a 7×7 convolution and a sigmoid.

    Args:
        ngf: width before the last convolution.
        n_downsampling: number of doublings, at least 1.
        out_channels: channels of the picture.
        max_channels: cap of the width.
    """

    def __init__(
        self, ngf: int = 64, n_downsampling: int = 3, out_channels: int = 3, max_channels: int = 1024
    ) -> None:
        super().__init__()
        widths = stage_widths(ngf, n_downsampling, max_channels)[::-1]
        self.latent_channels = widths[0]
        self.block_channels = widths[1:]
        self.ups = nn.ModuleList(UpBlock(a, b) for a, b in itertools.pairwise(widths))
        self.to_image = nn.Conv2d(widths[-1], out_channels, 7, padding=3, padding_mode="reflect")

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, latent_channels, h, w]` → `[B, out_channels, h·2^n, w·2^n]` in (0, 1)."""
        for up in self.ups:
            latent = up(latent)
        return torch.sigmoid(self.to_image(latent))


@part
class Autoencoder(nn.Module):
    """Encoder and decoder together (stage 1 of the thesis): `D(E(x)) ≈ x`.

    Raises:
        ValueError: the encoder takes the mask, or the two disagree about the latent's channels.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        if encoder.in_channels != 3:
            raise ValueError(f"encoder must take 3 channels, got {encoder.in_channels}")
        if encoder.latent_channels != decoder.latent_channels:
            raise ValueError(
                "encoder and decoder must agree on latent_channels, "
                f"got {encoder.latent_channels} and {decoder.latent_channels}"
            )
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, image: Tensor) -> Tensor:
        """Reconstruction of `[B, 3, H, W]` in [0, 1], H and W multiples of the encoder's `down_factor`."""
        return self.decoder(self.encoder(image))


@torch.no_grad()
def _start_bilinear(weight: Tensor) -> None:
    """Make a transposed 3×3 kernel start as bilinear doubling of mixed channels: without a checkerboard."""
    tent = torch.tensor([0.5, 1.0, 0.5], dtype=weight.dtype)
    weight.copy_(weight[:, :, 1:2, 1:2] * tent[:, None] * tent)
