"""A small network that says from a latent what EfficientNet-Lite0 sees in its picture: no decoder is run.

Our latents' counterpart of E-LatentLPIPS (Kang et al., 2024), under its own name: it is to be trained on the
features of Lite0, on whole, filled and noised latents, so that nothing a refiner makes is foreign to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.latent_statistics import LatentStatistics
from latent_inpaint.models.parts import part

BLOCKS = (0, 2, 4, 10)
"""Of Lite0, whose outputs are regressed."""
WIDTHS = (16, 24, 40, 112)
"""Their channels."""


@part
class LatentLite0(nn.Module):
    """Four 3×3 convolutions with GroupNorm on standardised latents, after each of them one of Lite0's maps.

    Args:
        channels: channels of the latent.
        width: channels of the convolutions.
        targets: channels of the maps, shallow first.
        n_batches: batches over which the latents' mean and deviation are measured.

    Raises:
        ValueError: no targets.
    """

    def __init__(
        self, channels: int, width: int = 64, targets: Sequence[int] = WIDTHS, n_batches: int = 100
    ) -> None:
        super().__init__()
        targets = list(targets)
        if not targets:
            raise ValueError(f"targets must be the channels of at least one map, got {targets}")
        self.statistics = LatentStatistics(channels, n_batches)
        widths = [channels] + [width] * len(targets)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, width, 3, padding=1), nn.GroupNorm(1, width), nn.SiLU())
            for a in widths[:-1]
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, target, 1) for target in targets)

    def forward(self, latent: Tensor) -> list[Tensor]:
        """`[B, channels, h, w]` in the encoder's units → a map `[B, targets[i], h, w]` for each target."""
        x, maps = self.statistics.standardise(latent), []
        for layer, head in zip(self.layers, self.heads):
            x = layer(x)
            maps.append(head(x))
        return maps


def at_size(features: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Maps of a picture at the latent's size: averaged where they are finer, interpolated where coarser.

    Example:
        >>> [m.shape[-1] for m in at_size([torch.ones(1, 2, 8, 8), torch.ones(1, 2, 2, 2)], (4, 4))]
        [4, 4]
    """
    return [
        functional.adaptive_avg_pool2d(feature, size)
        if feature.shape[-1] >= size[1]
        else functional.interpolate(feature, size, mode="bilinear", align_corners=False)
        for feature in features
    ]


def moved(latents: Sequence[Tensor], generator: torch.Generator, reach: int = 2) -> list[Tensor]:
    """Latents, flipped and shifted alike, by up to `reach` positions, at random (E-LatentLPIPS' ensemble).

    One network has blind spots, along which a refiner would go; they are not the same for all moves.

    Example:
        >>> a, b = moved([torch.eye(4)[None, None]] * 2, torch.Generator().manual_seed(0))
        >>> torch.equal(a, b)
        True
    """
    flip, *shifts = (
        torch.randint(low, high, (), generator=generator)
        for low, high in ((0, 2), (-reach, reach + 1), (-reach, reach + 1))
    )
    return [_moved(latent, flip, *shifts) for latent in latents]


def _moved(latent: Tensor, flip: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """By indices: nothing is looked at, so that a device is not waited for."""
    height, width = latent.shape[-2:]
    rows, columns = (torch.arange(height) - down) % height, (torch.arange(width) - right) % width
    columns = torch.where(flip > 0, columns.flip(0), columns)
    return latent.index_select(-2, rows.to(latent.device)).index_select(-1, columns.to(latent.device))
