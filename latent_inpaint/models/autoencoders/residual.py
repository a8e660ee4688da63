"""Residual autoencoder that starts as a block transform and its inverse, which its convolutions improve.

Encoder: `latent = transform(x) + last(features(x))`; decoder: `x̂ = inverse(z) + last(features(z))`, both
last convolutions zero at first; the transforms stay as they were measured. Features pass strided layers by
a convolution and, beside it, a shortcut (DC-AE, Chen et al., 2024): on the way down space to channel, then
averages of channels; on the way up averages of channels, repeated in space. No norm: what is frozen is a
fixed function, and a position of the latent depends on its window of pixels only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.autoencoders.block_transform import BlockAnalysis, BlockBasis
from latent_inpaint.models.autoencoders.context_synthesis import ContextSynthesis
from latent_inpaint.models.parts import part


def conv3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """3×3 convolution that mirrors at the border, so that flat pictures stay flat there."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """`x + conv(relu(conv(relu(x))))`, the second convolution zero at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv3(channels, channels)
        self.second = conv3(channels, channels)
        zero(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` → the same."""
        return x + self.second(functional.relu(self.first(functional.relu(x)), inplace=True))


class Down(nn.Module):
    """Halves the size: 3×3 convolution of stride 2 + shortcut of 2×2 pixels to channels, averaged in groups.

    Where there are more channels after than 2×2 pixels have before, the shortcut repeats them.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        check_multiple(4 * in_channels, out_channels)
        self.out_channels = out_channels
        self.conv = conv3(in_channels, out_channels, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, H/2, W/2]`."""
        return self.conv(x) + match_channels(functional.pixel_unshuffle(x, 2), self.out_channels)


class Up(nn.Module):
    """Doubles the size: 3×3 convolution to 4 sub-pixels + shortcut of channels to 2×2 equal pixels.

    The convolution starts with equal weights for the four sub-pixels (ICNR, Aitken et al., 2017): what is
    flat comes out flat, without a lattice.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        check_multiple(in_channels, out_channels)
        self.out_channels = out_channels
        self.conv = conv3(in_channels, 4 * out_channels)
        with torch.no_grad():
            self.conv.weight.copy_(self.conv.weight[::4].repeat_interleave(4, dim=0))
            self.conv.bias.copy_(self.conv.bias[::4].repeat_interleave(4))  # type: ignore[index, union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` → `[B, out_channels, 2H, 2W]`."""
        shortcut = match_channels(x, self.out_channels).repeat_interleave(4, dim=1)
        return functional.pixel_shuffle(self.conv(x) + shortcut, 2)


def match_channels(x: Tensor, channels: int) -> Tensor:
    """Means of neighbouring channels where there are too many, copies of each where there are too few.

    Args:
        x: `[B, C, H, W]`; one of C and `channels` a multiple of the other.
        channels: how many are wanted.

    Example:
        >>> match_channels(torch.tensor([1.0, 3.0, 5.0, 7.0]).view(1, 4, 1, 1), 2).flatten().tolist()
        [2.0, 6.0]
    """
    given = x.shape[1]
    if given > channels:
        return x.unflatten(1, (channels, given // channels)).mean(dim=2)
    return x if given == channels else x.repeat_interleave(channels // given, dim=1)


def check_multiple(a: int, b: int) -> None:
    """Raise a ValueError unless a shortcut can turn `a` channels into `b`."""
    if max(a, b) % min(a, b):
        raise ValueError(
            f"widths: one side of a shortcut must have a multiple of the other's channels, got {a} and {b}"
        )


def zero(conv: nn.Conv2d) -> nn.Conv2d:
    """Let a convolution start with nothing; it gets a gradient all the same."""
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def check_stages(widths: Sequence[int], blocks: Sequence[int]) -> tuple[list[int], list[int]]:
    """Both as lists.

    Raises:
        ValueError: fewer than two widths, another number of blocks, or numbers that cannot be.
    """
    widths, blocks = list(widths), list(blocks)
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive numbers, finest first, got {widths}")
    if len(blocks) != len(widths) or min(blocks) < 0:
        raise ValueError(f"blocks: expected one number of at least 0 for each of {widths}, got {blocks}")
    return widths, blocks


@part
class ResidualEncoder(nn.Module):
    """Image → latent `[B, latent_channels, H/2^n, W/2^n]`, n + 1 being the number of `widths`.

    Args:
        latent_channels: from 3 to 3·4^n.
        widths: channels of the stages at 1, 1/2 … 1/2^n of the picture's size, finest first. The first stage,
            as the mask control sees it, is the picture itself: 3.
        blocks: residual blocks of the stages after it; each widens the window that a position sees.

    Raises:
        ValueError: numbers that do not fit each other.
    """

    in_channels = 3

    def __init__(
        self,
        latent_channels: int = 16,
        widths: Sequence[int] = (3, 12, 48, 96),
        blocks: Sequence[int] = (0, 0, 1),
    ) -> None:
        super().__init__()
        widths, (_, *blocks) = check_stages(widths, [0, *blocks])
        if widths[0] != 3:
            raise ValueError(f"widths must start with 3, the picture's own channels, got {widths}")
        self.latent_channels = latent_channels
        self.stage_channels = widths
        self.down_factor = 2 ** len(blocks)
        self.receptive_field = receptive_field(blocks)
        self.halo = 1 + -(-self.receptive_field // (2 * self.down_factor))  # 1 for the controls
        self.transform = BlockAnalysis(self.down_factor, latent_channels, learned=False)
        self.stages = nn.ModuleList(
            nn.Sequential(Down(a, b), *(ResidualBlock(b) for _ in range(n)))
            for (a, b), n in zip(itertools.pairwise(self.stage_channels), blocks)
        )
        self.to_latent = zero(nn.Conv2d(widths[-1], latent_channels, 1))

    def start_from(self, basis: BlockBasis) -> None:
        """Take the basis of training pictures for the transform."""
        self.transform.start_from(basis)

    def forward(self, image: Tensor, controls: Sequence[Tensor] | None = None) -> Tensor:
        """Encode `[B, 3, H, W]` in [0, 1], H and W multiples of `down_factor`.

        Args:
            image: the picture, its hole already set to 0.
            controls: one tensor per stage (`stage_channels`, finest first), added to that stage's activation.
        """
        if controls is None:
            x = image - 0.5
            for stage in self.stages:
                x = stage(x)
            return self.transform(image) + self.to_latent(functional.relu(x))
        image = image + controls[0]
        x = image - 0.5
        for stage, control in zip(self.stages, controls[1:], strict=True):
            x = stage(x) + control
        return self.transform(image) + self.to_latent(functional.relu(x))


def receptive_field(blocks: Sequence[int]) -> int:
    """Side of the smallest window around the first pixel of a position's block that holds all it depends on.

    Args:
        blocks: residual blocks of the stages, finest first.

    Example:
        >>> receptive_field([0, 0, 0])  # three halvings alone see 7 pixels more above and to the left
        15
    """
    factor = 2 ** len(blocks)
    before = after = 0  # pixels above and below the block
    for i, n in enumerate(blocks):
        before += 2**i + 2 * n * 2 ** (i + 1)
        after += 2 * n * 2 ** (i + 1)
    return 2 * max(before, factor - 1 + after) + 1


def decoder_reach(blocks: Sequence[int]) -> int:
    """Latent positions on each side of a pixel's own that it depends on.

    Args:
        blocks: residual blocks at each size, coarsest first.

    Example:
        >>> decoder_reach([0, 0, 0, 0])  # 1 of the first convolution, 1 + 1/2 + 1/4 of the doublings, 1/8
        3
    """
    doublings = len(blocks) - 1
    reach = 1 + 2 * blocks[0] + 2.0**-doublings
    for i, n in enumerate(blocks[1:]):
        reach += 2.0**-i + n * 2.0**-i  # a convolution before the doubling, two of each block after it
    return math.ceil(reach)


@part
class ResidualDecoder(nn.Module):
    """Latent → image in [0, 1].

    Args:
        latent_channels: from 3 to 3·4^n.
        widths: channels at 1, 1/2 … 1/2^n of the picture's size, finest first: one more than halvings.
        blocks: residual blocks at each of these sizes; those at the coarsest cost least.

    Raises:
        ValueError: numbers that do not fit each other.
    """

    def __init__(
        self,
        latent_channels: int = 16,
        widths: Sequence[int] = (3, 12, 48, 96),
        blocks: Sequence[int] = (0, 0, 1, 3),
    ) -> None:
        super().__init__()
        widths, blocks = check_stages(widths, blocks)
        widths, blocks = widths[::-1], blocks[::-1]
        self.latent_channels = latent_channels
        self.block_channels = widths[1:]
        self.halo = decoder_reach(blocks)
        self.inverse = ContextSynthesis(2 ** len(self.block_channels), latent_channels)
        ups = [
            nn.Sequential(Up(a, b), *(ResidualBlock(b) for _ in range(n)))
            for (a, b), n in zip(itertools.pairwise(widths), blocks[1:])
        ]
        first = [conv3(latent_channels, widths[0]), *(ResidualBlock(widths[0]) for _ in range(blocks[0]))]
        ups[0] = nn.Sequential(*first, *ups[0])
        self.ups = nn.ModuleList(ups)
        self.to_image = zero(conv3(widths[-1], 3))

    def start_from(self, basis: BlockBasis) -> None:
        """Take the basis of training pictures for the inverse transform."""
        self.inverse.start_from(basis)

    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Let the inverse transform read what neighbours tell; see `ContextSynthesis.fit`."""
        self.inverse.fit(pairs)

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, latent_channels, h, w]` → `[B, 3, h·2^n, w·2^n]` in [0, 1]."""
        x = latent
        for up in self.ups:
            x = up(x)
        return (self.inverse(latent) + self.to_image(x)).clamp(0, 1)
