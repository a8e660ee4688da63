"""Transformers on latents: DiT with adaLN-zero (Peebles & Xie, 2023), and one of two streams as in SD3."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.denoisers.base import (
    Attention,
    Denoiser,
    TimeEmbedding,
    pad_to,
    positions,
    zeroed,
)
from latent_inpaint.models.parts import part


class Modulation(nn.Module):
    """adaLN-zero: offset, scale and gate of two branches from the time's embedding, all 0 at first."""

    def __init__(self, width: int, parts: int = 6) -> None:
        super().__init__()
        self.parts = parts
        self.linear = zeroed(nn.Linear(width, parts * width))

    def forward(self, embedding: Tensor) -> tuple[Tensor, ...]:
        """`[B, width]` → `parts` tensors `[B, 1, width]`."""
        return self.linear(functional.silu(embedding))[:, None].chunk(self.parts, dim=2)


def modulated(x: Tensor, offset: Tensor, scale: Tensor) -> Tensor:
    """LayerNorm without weights, then scale and offset, of tokens `[B, N, width]`."""
    return torch.addcmul(offset, functional.layer_norm(x, x.shape[-1:], eps=1e-6), 1 + scale)


def feed_forward(width: int, ratio: int) -> nn.Sequential:
    """Two layers with `ratio` times the width between them."""
    return nn.Sequential(
        nn.Linear(width, ratio * width), nn.GELU(approximate="tanh"), nn.Linear(ratio * width, width)
    )


class DiTBlock(nn.Module):
    """Attention and feed-forward, each between a modulated norm and a gate."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.modulation = Modulation(width)
        self.attention = Attention(width, heads)
        self.feed_forward = feed_forward(width, ratio)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`[B, N, width]` → `[B, N, width]`."""
        offset1, scale1, gate1, offset2, scale2, gate2 = self.modulation(embedding)
        x = x + gate1 * self.attention(modulated(x, offset1, scale1))
        return x + gate2 * self.feed_forward(modulated(x, offset2, scale2))


class Patches(nn.Module):
    """Latents as tokens of p×p positions, with the place of each."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch, self.width = patch, width
        self.linear = nn.Linear(channels * patch**2, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, h, w]` → `[B, N, width]`, borders repeated to whole patches."""
        x = pad_to(x, self.patch)
        height, width = (side // self.patch for side in x.shape[2:])
        tokens = self.linear(functional.pixel_unshuffle(x, self.patch).flatten(2).transpose(1, 2))
        return tokens + positions(height, width, self.width, tokens)


class FromPatches(nn.Module):
    """Modulated norm and the linear layer back to latents, 0 at first."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.modulation = Modulation(width, 2)
        self.linear = zeroed(nn.Linear(width, channels * patch**2))

    def forward(self, x: Tensor, embedding: Tensor, size: torch.Size) -> Tensor:
        """`[B, N, width]` → `[B, channels, *size]`."""
        x = self.linear(modulated(x, *self.modulation(embedding))).transpose(1, 2)
        rows = -(-size[0] // self.patch)
        picture = functional.pixel_shuffle(x.unflatten(2, (rows, -1)), self.patch)
        return picture[..., : size[0], : size[1]]


@part
class DiTDenoiser(Denoiser):
    """Tokens of p×p positions, `n_blocks` blocks; everything that modulates is 0 at first.

    With z0 as prediction a width below a token's `C·p²` numbers will do, else it has to be above (RAE).

    Args:
        channels: channels of the latent.
        condition_channels: channels of the condition, joined to the latent.
        width: channels of a token, a multiple of 4 and of `heads`.
        n_blocks: number of blocks, at least 1.
        heads: heads of the attention.
        patch: p, at least 1.
        ratio: width of the feed-forward layers by that of a token.

    Raises:
        ValueError: n_blocks or patch below 1, a width that does not fit.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int = 0,
        width: int = 192,
        n_blocks: int = 3,
        heads: int = 4,
        patch: int = 2,
        ratio: int = 4,
    ) -> None:
        super().__init__(channels, condition_channels)
        check_transformer(width, n_blocks, patch)
        self.time = TimeEmbedding(width)
        self.enter = Patches(channels + condition_channels, width, patch)
        self.blocks = nn.ModuleList(DiTBlock(width, heads, ratio) for _ in range(n_blocks))
        self.leave = FromPatches(channels, width, patch)

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]` of any size, see `Denoiser`."""
        return self.leave(self.features(z, t, condition)[-1], self.time(t), z.shape[2:])

    def features(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """The tokens after each block, `[B, N, width]`."""
        tokens, embedding = self.enter(self.join(z, t, condition)), self.time(t)
        features = []
        for block in self.blocks:
            tokens = block(tokens, embedding)
            features.append(tokens)
        return features


class Stream(nn.Module):
    """One of the two streams of a joint block: its own weights around the common attention."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.modulation = Modulation(width)
        self.attention = Attention(width, heads)
        self.feed_forward = feed_forward(width, ratio)


class JointBlock(nn.Module):
    """Latent and condition attend to each other, each with own weights (Esser et al., 2024, figure 2b)."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(Stream(width, heads, ratio) for _ in range(2))

    def forward(self, tokens: list[Tensor], embedding: Tensor) -> list[Tensor]:
        """Two of `[B, N, width]` → two of the same shape."""
        streams = cast(list[Stream], list(self.streams))
        values = [stream.modulation(embedding) for stream in streams]
        projected = [
            stream.attention.project(modulated(x, *value[:2]))
            for stream, x, value in zip(streams, tokens, values)
        ]
        q, k, v = (torch.cat(both, dim=2) for both in zip(*projected))
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out = []
        for stream, x, value, attended in zip(streams, tokens, values, mixed.chunk(2, dim=1)):
            x = x + value[2] * stream.attention.out(attended)
            out.append(x + value[5] * stream.feed_forward(modulated(x, *value[3:5])))
        return out


@part
class MMDiTDenoiser(Denoiser):
    """SD3-like: the latent and the condition are two streams of tokens that meet in the attention.

    Args:
        channels: channels of the latent.
        condition_channels: channels of the condition, at least 1.
        width: channels of a token, a multiple of 4 and of `heads`.
        n_blocks: number of blocks, at least 1.
        heads: heads of the attention.
        patch: positions of a token's side, at least 1.
        ratio: width of the feed-forward layers by that of a token.

    Raises:
        ValueError: condition_channels, n_blocks or patch below 1, a width that does not fit.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        width: int = 128,
        n_blocks: int = 3,
        heads: int = 4,
        patch: int = 2,
        ratio: int = 4,
    ) -> None:
        super().__init__(channels, condition_channels)
        check_transformer(width, n_blocks, patch)
        if condition_channels < 1:
            raise ValueError(f"condition_channels must be at least 1, got {condition_channels}")
        self.time = TimeEmbedding(width)
        self.enter = Patches(channels, width, patch)
        self.enter_condition = Patches(condition_channels, width, patch)
        self.blocks = nn.ModuleList(JointBlock(width, heads, ratio) for _ in range(n_blocks))
        self.leave = FromPatches(channels, width, patch)

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]` of any size, see `Denoiser`."""
        return self.leave(self.features(z, t, condition)[-1], self.time(t), z.shape[2:])

    def features(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """The latent's tokens after each block, `[B, N, width]`."""
        self.check(z, t, condition)
        tokens, embedding = [self.enter(z), self.enter_condition(condition)], self.time(t)
        features = []
        for block in self.blocks:
            tokens = block(tokens, embedding)
            features.append(tokens[0])
        return features


def check_transformer(width: int, n_blocks: int, patch: int) -> None:
    """Raise a ValueError for a width that is no multiple of 4, or a number below 1."""
    if width < 4 or width % 4:
        raise ValueError(f"width must be a positive multiple of 4, got {width}")
    for name, value in (("n_blocks", n_blocks), ("patch", patch)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
