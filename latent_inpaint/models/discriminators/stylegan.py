"""StyleGAN2's discriminator (Karras et al., 2020), as FcF and CoModGAN use it: it sees the mask, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from latent_inpaint.models.parts import part
from latent_inpaint.models.style_layers import SMALLEST, EqualConv2d, EqualLinear, side_of, with_deviation


@part
class StyleDiscriminator(nn.Module):
    """Residual blocks at half the size each, the group's deviation, one logit for the picture.

    Args:
        widths: channels at the pictures' side, 4 · 2^(n − 1) for n widths, at half of it, … at 4.
        in_channels: of what it sees; FcF: 4, `[½ − m, 2x − 1]`.

    Raises:
        ValueError: fewer than two widths.
    """

    def __init__(self, widths: Sequence[int], in_channels: int = 4) -> None:
        super().__init__()
        self.size = side_of(widths)
        self.from_rgb = EqualConv2d(in_channels, widths[0], 1)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairwise(widths))
        self.last = EqualConv2d(widths[-1] + 1, widths[-1], 3)
        self.flat = EqualLinear(widths[-1] * SMALLEST**2, widths[-1], activated=True)
        self.out = EqualLinear(widths[-1], 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge `[B, in_channels, size, size]`.

        Returns:
            The logits `[B, 1, 1, 1]`, positive = real, and the features of every block, finest first.

        Raises:
            ValueError: pictures of another size.
        """
        if list(x.shape[-2:]) != [self.size, self.size]:
            raise ValueError(f"pictures must be of {self.size}×{self.size}, got {list(x.shape[-2:])}")
        x = self.from_rgb(x)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        logits = self.out(self.flat(self.last(with_deviation(x)).flatten(1)))
        return logits[:, :, None, None], features


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.same = EqualConv2d(in_channels, in_channels, 3)
        self.down = EqualConv2d(in_channels, out_channels, 3, halves=True, gain=1.0)
        self.skip = EqualConv2d(in_channels, out_channels, 1, bias=False, halves=True, gain=None)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, H, W]` → `[B, O, H/2, W/2]`; the sum keeps the variance: √½ of each."""
        return self.down(self.same(x)) + self.skip(x) * math.sqrt(0.5)


def discriminator_input(image: Tensor, mask: Tensor) -> Tensor:
    """`[½ − m, 2x − 1]`, `[B, 4, H, W]`: what FcF's discriminator sees of x in [0, 1]."""
    return torch.cat([0.5 - mask, 2 * image - 1], dim=1)
