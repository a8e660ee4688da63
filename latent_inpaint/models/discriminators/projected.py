"""A discriminator on the features of a frozen network (Projected GANs, Sauer et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
"""Of LeakyReLU below 0."""


def unit_channels(features: Tensor) -> Tensor:
    """`[B, C, h, w]` scaled to a mean square of 1 over the channels at each position.

    The mean squared difference of two such maps is the squared distance of the channels' directions, which is
    what LPIPS and PD-lite0 average over space and depths.
    """
    return functional.normalize(features, dim=1) * features.shape[1] ** 0.5


class ProjectedDiscriminator(nn.Module):
    """Judges the feature maps that a `Backbone` or `DecoderFeatures` space shows it: a small head on each,
    all maps' logits side by side at the finest map's size.

    The network behind the maps is trained already, so the heads have little to learn: such a discriminator
    is useful after some hundred steps. Nothing bounds the heads' slopes: with the paper's spectral norms, or
    with R1 at 1e-4, they could hardly tell filled holes from true ones after a hundred steps. The paper's
    random mixing of the maps is left out. The features are `unit_channels`, so that `FeatureMatching` on
    `backbones.Lite0Features` minimises PD-lite0.

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
    convs = [
        nn.Conv2d(channels, width, 1),
        nn.Conv2d(width, width, 3, padding=1),
        nn.Conv2d(width, width, 3, padding=1),
        nn.Conv2d(width, 1, 1),
    ]
    for conv in convs:
        nn.init.kaiming_normal_(conv.weight, SLOPE)  # PyTorch's default lets a map's variance shrink
    layers = [layer for conv in convs for layer in (conv, nn.LeakyReLU(SLOPE))]
    return nn.Sequential(*layers[:-1])
