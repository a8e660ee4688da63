"""A lean U-Net on latents (Ronneberger et al., 2015; Ho et al., 2020): one residual block a level and way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.denoisers.base import (
    Attention,
    Denoiser,
    Film,
    TimeEmbedding,
    group_norm,
    zeroed,
)
from latent_inpaint.models.parts import part


@part
class UNetDenoiser(Denoiser):
    """U-Net with GroupNorm, the time by FiLM after the norm, attention at the coarsest level only.

    Args:
        channels: channels of the latent.
        condition_channels: channels of the condition, joined to the latent.
        widths: channels of each level, finest first; each further level halves the size.
        kernel: side of the first convolution, odd; 1 where there are many channels of condition.
        heads: heads of the attention, a divisor of the last width; 0: no attention.
        embedding: channels of the time's embedding.

    Raises:
        ValueError: no widths, an even kernel, heads that do not divide the last width.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int = 0,
        widths: Sequence[int] = (48, 96),
        kernel: int = 1,
        heads: int = 4,
        embedding: int = 128,
    ) -> None:
        super().__init__(channels, condition_channels)
        widths = list(widths)
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be positive numbers, got {widths}")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 1, got {kernel}")
        self.widths = widths
        self.time = TimeEmbedding(embedding)
        self.encoder = UNetEncoder(channels + condition_channels, widths, kernel, heads, embedding)
        self.decoder = UNetDecoder(channels, widths, embedding)

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]` of any size, see `Denoiser`."""
        joined, embedding = self.join(z, t, condition), self.time(t)
        skips, middle = self.encoder(joined, embedding)
        return self.decoder(skips, middle, embedding)

    def features(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """The skips, finest first, and the middle; the way up is not run."""
        skips, middle = self.encoder(self.join(z, t, condition), self.time(t))
        return [*skips, middle]


class ResidualBlock(nn.Module):
    """`x + conv(act(film(norm(conv(act(norm(x)))))))`, the second convolution 0 at first."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels)
        self.film = Film(embedding, out_channels)
        self.conv2 = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`[B, in_channels, h, w]` → `[B, out_channels, h, w]`."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = functional.silu(self.film(self.norm2(h), embedding))
        return self.shortcut(x) + self.conv2(h)


class SpatialAttention(nn.Module):
    """`x + attention(norm(x))` over the positions of `[B, C, h, w]`, 0 at first."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.attention = Attention(channels, heads)
        zeroed(self.attention.out)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` → `[B, C, h, w]`."""
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # [B, h·w, C]
        return x + self.attention(tokens).transpose(1, 2).unflatten(2, x.shape[2:])


class UNetEncoder(nn.Module):
    """The way down and the middle: what a ControlNet copies."""

    def __init__(
        self, in_channels: int, widths: Sequence[int], kernel: int, heads: int, embedding: int
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(in_channels, widths[0], kernel, padding=kernel // 2)
        self.blocks = nn.ModuleList(ResidualBlock(width, width, embedding) for width in widths)
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.attention = SpatialAttention(widths[-1], heads) if heads else nn.Identity()
        self.middle = ResidualBlock(widths[-1], widths[-1], embedding)

    def forward(
        self, x: Tensor, embedding: Tensor, hint: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Skips, finest first, `[B, widths[i], h/2^i, w/2^i]` (rounded up), and the middle's activation.

        Args:
            x: `[B, in_channels, h, w]`.
            embedding: of the time, `[B, embedding]`.
            hint: added to the first convolution's output, `[B, widths[0], h, w]`.
        """
        x = self.enter(x)
        x = x if hint is None else x + hint
        skips = []
        for index, block in enumerate(self.blocks):
            x = block(self.downs[index - 1](x) if index else x, embedding)
            skips.append(x)
        return skips, self.middle(self.attention(x), embedding)


class UNetDecoder(nn.Module):
    """The way up; its output is 0 at first."""

    def __init__(self, channels: int, widths: Sequence[int], embedding: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(2 * width, width, embedding) for width in widths)
        self.ups = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.norm = group_norm(widths[0])
        self.leave = zeroed(nn.Conv2d(widths[0], channels, 3, padding=1))

    def forward(self, skips: Sequence[Tensor], middle: Tensor, embedding: Tensor) -> Tensor:
        """`[B, channels, h, w]`."""
        x = middle
        for index in reversed(range(len(skips))):
            x = self.blocks[index](torch.cat([x, skips[index]], dim=1), embedding)
            if index:
                size = skips[index - 1].shape[2:]
                x = self.ups[index - 1](functional.interpolate(x, size=size, mode="nearest"))
        return self.leave(functional.silu(self.norm(x)))
