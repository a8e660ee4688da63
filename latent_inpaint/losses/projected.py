"""A discriminator on the features of a frozen network (Projected GANs, Sauer et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize


def unit_channels(features: Tensor) -> Tensor:
    """`[B, C, h, w]` scaled to a mean square of 1 over the channels at each position.

    The mean squared difference of two such maps is the squared distance of the channels' directions, which is
    what LPIPS and PD-lite0 average over space and depths.
    """
    return functional.normalize(features, dim=1) * features.shape[1] ** 0.5


class UnitSpectralNorm(nn.Module):
    """A weight divided by its largest singular value (Miyato et al., 2018), computed exactly.

    PyTorch's own keeps an estimate from step to step, which an average of the weights does not have.
    """

    def forward(self, weight: Tensor) -> Tensor:
        """`[out, in, …]` → the same shape, largest singular value of `[out, in · …]` 1."""
        matrix = weight.flatten(1)
        with torch.autocast(weight.device.type, enabled=False):
            largest = torch.linalg.eigvalsh(matrix @ matrix.T)[-1]
        return weight / largest.clamp_min(1e-12).sqrt()


class ProjectedDiscriminator(nn.Module):
    """Judges the feature maps that a `PictureFeatures` or `DecoderFeatures` shows it: a small head on each,
    all maps' logits side by side at the finest map's size.

    The network behind the maps is trained already, so the heads have little to learn: such a discriminator is
    useful after hundreds of steps. Its features are `unit_channels`, so that `FeatureMatching` on
    `metrics.lite0.Lite0Features` minimises PD-lite0. The paper's random mixing of the maps is left out.

    Args:
        channels: of each map.
        width: channels of each head.

    Raises:
        ValueError: no map, or a number below 1.
    """

    def __init__(self, channels: Sequence[int], width: int = 32) -> None:
        super().__init__()
        if not channels or min(*channels, width, 1) < 1:
            raise ValueError(f"channels and width must be at least 1, got {list(channels)} and {width}")
        self.channels = list(channels)
        self.heads = nn.ModuleList(_head(count, width) for count in channels)

    def forward(self, *maps: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge maps `[B, channels[i], h_i, w_i]`.

        Returns:
            The logits `[B, number of maps, h, w]`, h and w the largest map's, positive = real; and the maps,
            channels scaled.

        Raises:
            ValueError: maps of other channels.
        """
        counts = [map_.shape[1] for map_ in maps]
        if counts != self.channels:
            raise ValueError(f"channels: the network's maps have {counts}, got {self.channels}")
        features = [unit_channels(map_) for map_ in maps]
        size = max((map_.shape[-2:] for map_ in maps), key=math.prod)
        logits = [
            functional.interpolate(head(map_), size, mode="nearest")
            for head, map_ in zip(self.heads, features)
        ]
        return torch.cat(logits, dim=1), features


def _head(channels: int, width: int) -> nn.Module:
    return nn.Sequential(
        _conv(channels, width, 1),
        nn.LeakyReLU(0.2),
        _conv(width, width, 3),
        nn.LeakyReLU(0.2),
        _conv(width, 1, 1),
    )


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    parametrize.register_parametrization(conv, "weight", UnitSpectralNorm())
    return conv
