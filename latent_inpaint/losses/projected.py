"""A discriminator on a pretrained network's features (Projected GANs, Sauer et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from latent_inpaint.losses.frozen import Frozen


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
    """Judges pictures by the features of a frozen network: a small head on each map, all maps' logits side by
    side at the finest map's size.

    The network has seen millions of pictures, so the heads have little to learn: such a discriminator is
    useful after hundreds of steps. Its features are `unit_channels`, so that `FeatureMatching` on
    `metrics.lite0.Lite0Features` minimises PD-lite0. A network trained with it must not be judged by PD-lite0
    or FD-lite0 alone, which look at the same features. The paper's random mixing of the maps is left out.

    Args:
        backbone: maps pictures `[B, 3, H, W]` in [0, 1] to feature maps, the finest first; it is frozen here.
        channels: of each of its maps.
        width: channels of each head.

    Raises:
        ValueError: no map, or a number below 1.
    """

    def __init__(self, backbone: nn.Module, channels: Sequence[int], width: int = 32) -> None:
        super().__init__()
        if not channels or min(*channels, width, 1) < 1:
            raise ValueError(f"channels and width must be at least 1, got {list(channels)} and {width}")
        self.backbone = Frozen(backbone)
        self.heads = nn.ModuleList(_head(count, width) for count in channels)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge `[B, 3, H, W]` in [0, 1].

        Returns:
            The logits `[B, number of maps, h, w]`, positive = real, and the maps, channels scaled.

        Raises:
            ValueError: the network has another number of maps.
        """
        features = [unit_channels(map_) for map_ in self.backbone(image)]
        if len(features) != len(self.heads):
            raise ValueError(f"channels: the network has {len(features)} maps, got {len(self.heads)}")
        size = features[0].shape[-2:]
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
