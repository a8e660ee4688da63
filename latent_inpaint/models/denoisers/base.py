"""What denoisers share: the interface, the time's embedding, norms, attention, for latents of any size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Denoiser(nn.Module):
    """A network that looks at a noisy latent, a time, and what is known.

    Args:
        channels: channels C of the latent and of the output, at least 1.
        condition_channels: channels K of the condition, 0: unconditional.

    Raises:
        ValueError: a number of channels below that.
    """

    def __init__(self, channels: int, condition_channels: int = 0) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels must be at least 1, got {channels}")
        if condition_channels < 0:
            raise ValueError(f"condition_channels must be at least 0, got {condition_channels}")
        self.channels = channels
        self.condition_channels = condition_channels

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the network predicts, `[B, C, h, w]`.

        Args:
            z: noisy latent in standardised units, `[B, C, h, w]`, any h and w.
            t: times in [0, 1], 1 = noise, `[B]`.
            condition: `[B, K, h, w]`; None if and only if K is 0.

        Raises:
            ValueError: shapes that do not fit.
        """
        raise NotImplementedError

    def features(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """Activations in the order of their depth, for losses that look at them; only what they need is run.

        Raises:
            NotImplementedError: the network does not say them.
        """
        raise NotImplementedError(f"features: {type(self).__name__} does not give its activations")

    def check(self, z: Tensor, t: Tensor, condition: Tensor | None) -> None:
        """Raise a ValueError unless the shapes fit each other and this network."""
        if z.ndim != 4 or z.shape[1] != self.channels:
            raise ValueError(f"z must have the shape [B, {self.channels}, h, w], got {list(z.shape)}")
        if list(t.shape) != [z.shape[0]]:
            raise ValueError(f"t must have the shape [{z.shape[0]}], got {list(t.shape)}")
        expected = [z.shape[0], self.condition_channels, *z.shape[2:]] if self.condition_channels else None
        found = None if condition is None else list(condition.shape)
        if found != expected:
            raise ValueError(f"condition must have the shape {expected}, got {found}")

    def join(self, z: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        """`z` and the condition side by side, `[B, C + K, h, w]`, once checked."""
        self.check(z, t, condition)
        return z if condition is None else torch.cat([z, condition], dim=1)


class TimeEmbedding(nn.Module):
    """Sines and cosines of `1000·t` (Ho et al., 2020), then a network of two layers."""

    rates: Tensor

    def __init__(self, width: int, frequencies: int = 64) -> None:
        super().__init__()
        rates = torch.exp(-math.log(10_000) * torch.arange(frequencies) / frequencies)
        self.register_buffer("rates", rates, persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """`[B]` in [0, 1] → `[B, width]`."""
        angles = 1000 * t[:, None].float() * self.rates
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        return self.layers(waves)


class Film(nn.Module):
    """`x·(1 + γ) + β`, both from the time's embedding, 0 at first (FiLM, Perez et al., 2018)."""

    def __init__(self, embedding: int, channels: int) -> None:
        super().__init__()
        self.linear = zeroed(nn.Linear(embedding, 2 * channels))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, embedding]` → `[B, C, h, w]`."""
        scale, offset = self.linear(functional.silu(embedding))[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(offset, x, 1 + scale)


class Attention(nn.Module):
    """Multi-head self-attention over tokens, with normalised queries and keys (Henry et al., 2020)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide the width {width}, got {heads}")
        self.heads = heads
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.query_norm = nn.RMSNorm(width // heads)
        self.key_norm = nn.RMSNorm(width // heads)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of `[B, N, width]`, `[B, heads, N, width/heads]` each."""
        q, k, v = self.into(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.query_norm(q), self.key_norm(k), v

    def forward(self, x: Tensor) -> Tensor:
        """`[B, N, width]` → `[B, N, width]`."""
        mixed = functional.scaled_dot_product_attention(*self.project(x))
        return self.out(mixed.transpose(1, 2).flatten(2))


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm of up to 8 groups of at least 4 channels each. Unlike BatchNorm it does not mix the noise
    levels of a batch."""
    return nn.GroupNorm(1 if channels % 4 else math.gcd(channels // 4, 8), channels)


def zeroed(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """The layer with weights and bias 0: it adds nothing at first, yet learns."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Extend `[B, C, h, w]` to the right and bottom to multiples of `multiple`, by repeating the border."""
    height, width = (-side % multiple for side in x.shape[-2:])
    return functional.pad(x, (0, width, 0, height), mode="replicate") if height or width else x


def positions(height: int, width: int, channels: int, like: Tensor) -> Tensor:
    """Sines and cosines of row and column of each token, `[height·width, channels]`, for any size.

    Raises:
        ValueError: channels are no multiple of 4.
    """
    if channels % 4:
        raise ValueError(f"channels must be a multiple of 4, got {channels}")
    quarter = channels // 4
    rates = torch.exp(-math.log(10_000) * torch.arange(quarter, device=like.device) / quarter)
    rows = torch.arange(height, device=like.device)[:, None, None] * rates
    columns = torch.arange(width, device=like.device)[None, :, None] * rates
    rows, columns = torch.broadcast_tensors(rows, columns)
    table = torch.cat([rows.sin(), rows.cos(), columns.sin(), columns.cos()], dim=2)
    return table.flatten(0, 1).to(like)


def trains(part: nn.Module) -> bool:
    """Whether a part of a network learns now: a stage of its own may train what is frozen otherwise."""
    return any(parameter.requires_grad for parameter in part.parameters())
