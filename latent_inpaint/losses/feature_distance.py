"""Distances of feature maps in which a channel's scale plays no part; those that LPL is made of."""

from __future__ import annotations

import torch
from torch import Tensor

from latent_inpaint.losses.base import at_least_float32, check_same_shape

_TINY_VARIANCE = 1e-6
_TINY_NORM = 1e-6


def standardised_distances(
    features: Tensor,
    target_features: Tensor,
    kept: Tensor,
    estimate_statistics: bool = False,
    deviation_floor: float = 0.1,
    statistics_gradient: bool = False,
) -> Tensor:
    """`(1/C) Σ_c mean (φ'_c − φ̂'_c)²` of each picture over its kept positions, `[B]`.

    Args:
        features: of the estimate, `[B, C, H, W]`.
        target_features: of the target, `[B, C, H, W]`.
        kept: boolean `[B, C, H, W]`; a channel of which nothing is kept counts 0.
        estimate_statistics: standardise both with the estimate's statistics instead of the target's.
        deviation_floor: share of the batch's root mean square deviation that is added, squared, to each
            channel's variance: after a ReLU a channel can be constant, and dividing by nothing would make it
            everything.
        statistics_gradient: let gradients flow through the estimate's statistics: what pushes against
            features that contract to their mean.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> target = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> kept = torch.ones(2, 4, 8, 8, dtype=torch.bool)
        >>> standardised_distances(target, target, kept).tolist()
        [0.0, 0.0]
    """
    check_same_shape("features", features, "target_features", target_features)
    check_same_shape("features", features, "kept", kept)
    estimate, target = at_least_float32(features), at_least_float32(target_features)
    source = estimate if estimate_statistics else target
    source = source if statistics_gradient else source.detach()
    variance = source.var(dim=(2, 3), unbiased=False)  # [B, C]; the shared mean cancels in the difference
    variance = variance + deviation_floor**2 * variance.mean() + _TINY_VARIANCE
    squared = ((estimate - target).square() * kept).sum(dim=(2, 3))
    return (squared / (variance * kept.sum(dim=(2, 3)).clamp_min(1))).mean(dim=1)


def standardised_distance(
    features: Tensor,
    target_features: Tensor,
    kept: Tensor,
    estimate_statistics: bool = False,
    deviation_floor: float = 0.1,
) -> Tensor:
    """Mean of `standardised_distances` over the batch.

    Example:
        >>> target = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> kept = torch.ones(1, 4, 8, 8, dtype=torch.bool)
        >>> near, scaled = target + 0.1, 100 * target
        >>> one = standardised_distance(near, target, kept)
        >>> torch.allclose(standardised_distance(100 * near, scaled, kept), one, rtol=1e-4)
        True
    """
    return standardised_distances(
        features, target_features, kept, estimate_statistics, deviation_floor
    ).mean()


def normalised_distances(features: Tensor, target_features: Tensor, kept: Tensor) -> Tensor:
    """`(1/C) Σ_c mean (φ_c/n − φ̂_c/n)²` of each picture, n the norm of the target's channels at a position.

    The form of the code that was made public with the paper's recipe (diffusers, research_projects/lpl,
    option "shared"), as LPIPS normalises, where the paper standardises channels over space. Outliers are out
    of the norm, too.

    Args:
        features: of the estimate, `[B, C, H, W]`.
        target_features: of the target, `[B, C, H, W]`; no gradient goes there.
        kept: boolean `[B, C, H, W]`; a channel of which nothing is kept counts 0.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> target = torch.ones(1, 4, 8, 8)
        >>> kept = torch.ones(1, 4, 8, 8, dtype=torch.bool)
        >>> round(normalised_distances(2 * target, target, kept).item(), 4)  # one norm away, in 4 channels
        0.25
    """
    check_same_shape("features", features, "target_features", target_features)
    check_same_shape("features", features, "kept", kept)
    target = (at_least_float32(target_features) * kept).detach()
    estimate = at_least_float32(features) * kept
    norm = target.square().sum(dim=1, keepdim=True).sqrt() + _TINY_NORM
    squared = ((estimate - target) / norm).square().sum(dim=(2, 3))
    return (squared / kept.sum(dim=(2, 3)).clamp_min(1)).mean(dim=1)


@torch.no_grad()
def variance_ratio(features: Tensor, target_features: Tensor) -> Tensor:
    """`var φ̂ / var φ` over space, mean of the channels that vary: below 1 where an estimate is too smooth.

    Args:
        features: of the estimate, `[B, C, H, W]`.
        target_features: of the target, `[B, C, H, W]`.

    Example:
        >>> target = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> round(variance_ratio(0.5 * target, target).item(), 3)
        0.25
    """
    ours, theirs = (at_least_float32(x).var(dim=(2, 3), unbiased=False) for x in (features, target_features))
    return ours.mean() / theirs.mean().clamp_min(_TINY_VARIANCE)
