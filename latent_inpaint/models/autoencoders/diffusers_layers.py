"""What lies between a network of diffusers and our protocol: its layers in stages, its latent scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_CONVOLUTIONS_OF_A_TINY_BLOCK = 3


class Affine(nn.Module):
    """`scale · x + shift`."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return self.scale * x + self.shift


class Mode(nn.Module):
    """The mode of a normal distribution given by its mean and logarithmic variance: the mean."""

    def forward(self, moments: Tensor) -> Tensor:
        """`[B, 2·C, h, w]` → `[B, C, h, w]`."""
        return moments.chunk(2, dim=1)[0]


class Scale(nn.Module):
    """Latent of diffusers → ours: `(z − shift) · factor`, of about unit variance.

    Args:
        config: `scaling_factor`, and where it has them `shift_factor`, or `latents_mean` and `latents_std` of
            each channel.
    """

    shift: Tensor
    factor: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        shift = torch.tensor(mean or config.get("shift_factor") or 0.0).view(-1, 1, 1)
        factor = config["scaling_factor"] / torch.tensor(deviation or 1.0).view(-1, 1, 1)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("factor", factor, persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, C, h, w]` → `[B, C, h, w]`."""
        return (latent - self.shift) * self.factor


class Unscale(Scale):
    """Our latent → that of diffusers."""

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, C, h, w]` → `[B, C, h, w]`."""
        return latent / self.factor + self.shift


class Quantise(nn.Module):
    """The nearest code of a code book at each position; gradients pass straight through."""

    def __init__(self, codes: nn.Module) -> None:
        super().__init__()
        self.codes = codes

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, C, h, w]` → `[B, C, h, w]`."""
        return self.codes(latent)[0]


class SoftClip(nn.Module):
    """`3 · tanh(x / 3)`: with it TAESD's decoder begins."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return torch.tanh(x / 3) * 3


def down_stages(encoder: Any) -> nn.ModuleList:
    """Layers of an encoder of diffusers by resolution: each stage but the first begins with its halving.

    The halving is taken out of the block that ends with it.

    Raises:
        ValueError: blocks of an unknown kind.
    """
    stages, halving = [], [encoder.conv_in]
    for block in encoder.down_blocks:
        if not hasattr(block, "downsamplers") or "DownEncoderBlock" not in type(block).__name__:
            raise ValueError(
                "autoencoder.path: down blocks must be DownEncoderBlock2D or AttnDownEncoderBlock2D, "
                f"got {type(block).__name__}"
            )
        following = list(block.downsamplers or [])
        block.downsamplers = None
        stages.append(nn.Sequential(*halving, block))
        halving = following
    return nn.ModuleList(stages)


def up_stages(first: Sequence[nn.Module], decoder: Any) -> nn.ModuleList:
    """Up blocks of a decoder of diffusers; all that comes before them is part of the first."""
    opening = nn.Sequential(*first, decoder.conv_in, decoder.mid_block, decoder.up_blocks[0])
    return nn.ModuleList([opening, *decoder.up_blocks[1:]])


def encoder_head(encoder: Any) -> list[nn.Module]:
    """What follows an encoder's last stage."""
    return [encoder.mid_block, encoder.conv_norm_out, encoder.conv_act, encoder.conv_out]


def picture_head(decoder: Any) -> list[nn.Module]:
    """What follows a decoder's last up block."""
    return [decoder.conv_norm_out, decoder.conv_act, decoder.conv_out]


def convolution_halo(n_blocks: Sequence[int]) -> int:
    """Latent positions that a TAESD half sees to each side.

    Args:
        n_blocks: blocks of each resolution, the latent's first, each resolution twice as fine as the one
            before; one convolution more at each.
    """
    seen = ((1 + _CONVOLUTIONS_OF_A_TINY_BLOCK * n) / 2**i for i, n in enumerate(n_blocks))
    return math.ceil(sum(seen)) + 1
