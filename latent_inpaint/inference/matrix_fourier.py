"""The Fourier unit without Fourier operators: real matrix products, which every export format has."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from latent_inpaint.models.ffc import FourierUnit

Network = TypeVar("Network", bound=nn.Module)


class MatrixFourierUnit(nn.Module):
    """A `FourierUnit` whose transforms are products with DFT matrices, built for the size that comes in.

    Costs O(HW·(H + W)) in place of O(HW·log HW); equal to 1e-4 in float32.

    Args:
        unit: the unit whose convolution and BatchNorm are shared.
    """

    def __init__(self, unit: FourierUnit) -> None:
        super().__init__()
        self.conv = unit.conv
        self.norm = unit.norm

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` → `[B, C, H, W]`."""
        channels, height, width = x.shape[1], x.shape[2], x.shape[3]
        cos_h, sin_h = _dft(height, height, x)
        cos_w, sin_w = _dft(width, width // 2 + 1, x)
        across_re, across_im = x @ cos_w, -(x @ sin_w)  # [B, C, H, W/2+1]
        spectrum_re = cos_h @ across_re + sin_h @ across_im
        spectrum_im = cos_h @ across_im - sin_h @ across_re
        stacked = torch.stack([spectrum_re, spectrum_im], dim=2).flatten(1, 2)  # re₀, im₀, re₁, im₁ …
        mixed = torch.relu(self.norm(self.conv(stacked))).unflatten(1, (channels, 2))
        mixed_re, mixed_im = mixed[:, :, 0], mixed[:, :, 1]
        back_re = cos_h @ mixed_re - sin_h @ mixed_im
        back_im = cos_h @ mixed_im + sin_h @ mixed_re
        weight = _half_spectrum_weights(width, x)
        return (back_re * weight) @ cos_w.transpose(0, 1) - (back_im * weight) @ sin_w.transpose(0, 1)


def with_matrix_products(network: Network) -> Network:
    """A copy of `network`, weights and all, in which every `FourierUnit` computes by matrix products."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, FourierUnit):
                setattr(module, name, MatrixFourierUnit(child))
    return network


def _dft(size: int, n_frequencies: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of 2πnk/size, divided by √size, `[size, n_frequencies]`.

    The period is kept as a tensor, which exported programs compute with; n·k is reduced while an integer.
    """
    positions = torch.arange(size, device=like.device)
    frequencies = torch.arange(n_frequencies, device=like.device)
    period = positions[-1:] + 1
    turns = (positions[:, None] * frequencies[None, :]) % period
    angles = turns.to(torch.float32) * (2 * math.pi / period.to(torch.float32))
    scale = period.to(torch.float32).rsqrt()
    return angles.cos() * scale, angles.sin() * scale


def _half_spectrum_weights(width: int, like: Tensor) -> Tensor:
    """How often each kept frequency counts: twice, but for the first and, of an even width, the last one."""
    frequencies = torch.arange(width // 2 + 1, device=like.device)
    is_single = (frequencies == 0) | (2 * frequencies == width)
    return 2.0 - is_single.to(torch.float32)
