"""Latent Perceptual Loss: features of the frozen decoder compared (LPL, Berrada et al., ICLR 2025).

`L_LPL = Σ_l (ω_l / C_l) Σ_c ‖ρ_{l,c} ⊙ (φ'_{l,c} − φ̂'_{l,c})‖²`, the norm averaged over the kept positions:
φ and φ̂ are the decoder's features after block l of the target's and the estimate's latent, ' standardises
each channel over space with one set of statistics for both, ρ keeps what is no outlier of φ, and ω falls with
the block's upscaling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, at_least_float32, check_same_shape, non_negative
from latent_inpaint.spaces import DecoderFeatures, Outputs

SMALLEST_LATENT = 8
_QUANTILE = 0.02
_TINY_VARIANCE = 1e-6


@torch.no_grad()
def inlier_mask(features: Tensor, down_factor: int = 1) -> Tensor:
    """Which positions of each channel are no outliers (algorithm 1 of the LPL paper).

    A value is kept unless it lies two deviations below the channel's 2 % quantile or above its 98 % quantile;
    then single outliers are taken back (max-pool) and the others grow (min-pool). Of a constant map nothing
    is kept, as its values lie on the limits: in the loss it counts nothing.

    Args:
        features: `[B, C, H, W]`.
        down_factor: size of the picture divided by that of the features; it shrinks both pools.

    Returns:
        Boolean `[B, C, H, W]`, True = kept; no gradient.

    Raises:
        ValueError: features are not four-dimensional or have one position only, or down_factor is below 1.

    Example:
        >>> features = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> features[0, 0, 8, 8] = 50.0
        >>> kept = inlier_mask(features, down_factor=8)
        >>> kept[0, 0, 8, 8].item(), kept[0, 0, 2, 2].item()
        (False, True)
    """
    if features.ndim != 4 or features.shape[2] * features.shape[3] < 2:
        raise ValueError(f"features must have the shape [B, C, H, W], H·W ≥ 2, got {list(features.shape)}")
    if down_factor < 1:
        raise ValueError(f"down_factor must be at least 1, got {down_factor}")
    values = at_least_float32(features).flatten(2)  # [B, C, H·W]
    count = values.shape[-1]
    low = values.kthvalue(max(1, int(_QUANTILE * count)), dim=-1, keepdim=True).values
    high = values.kthvalue(max(1, int((1 - _QUANTILE) * count)), dim=-1, keepdim=True).values
    offset = 2 * values.std(dim=-1, keepdim=True)
    kept = ((low - offset < values) & (values < high + offset)).float().view(features.shape)
    max_size, min_size = math.ceil(3 / down_factor), math.ceil(5 / down_factor)
    kept = _max_pool(kept, 1 if max_size == 2 else max_size)
    return -_max_pool(-kept, 3 if min_size == 2 else min_size) > 0.5


def standardised_distance(
    features: Tensor,
    target_features: Tensor,
    kept: Tensor,
    estimate_statistics: bool = False,
    deviation_floor: float = 0.1,
) -> Tensor:
    """`(1/C) Σ_c mean (φ'_c − φ̂'_c)²` over the kept positions, mean over the batch.

    Args:
        features: of the estimate, `[B, C, H, W]`.
        target_features: of the target, `[B, C, H, W]`.
        kept: boolean `[B, C, H, W]`; a channel of which nothing is kept counts 0.
        estimate_statistics: standardise both with the estimate's statistics instead of the target's; no
            gradient flows through either.
        deviation_floor: share of the batch's root mean square deviation that is added, squared, to each
            channel's variance: after a ReLU a channel can be constant, and dividing by nothing would make it
            everything.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> target = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> kept = torch.ones(1, 4, 8, 8, dtype=torch.bool)
        >>> near, scaled = target + 0.1, 100 * target
        >>> one = standardised_distance(near, target, kept)
        >>> torch.allclose(standardised_distance(100 * near, scaled, kept), one, rtol=1e-4)
        True
    """
    check_same_shape("features", features, "target_features", target_features)
    check_same_shape("features", features, "kept", kept)
    estimate, target = at_least_float32(features), at_least_float32(target_features)
    source = (estimate if estimate_statistics else target).detach()
    variance = source.var(dim=(2, 3), unbiased=False)  # [B, C]; the shared mean cancels in the difference
    variance = variance + deviation_floor**2 * variance.mean() + _TINY_VARIANCE
    squared = ((estimate - target).square() * kept).sum(dim=(2, 3))
    return (squared / (variance * kept.sum(dim=(2, 3)).clamp_min(1))).mean()


class LatentPerceptual(LossTerm):
    """The Latent Perceptual Loss between the repaired latent and the true picture's.

    The frozen decoder runs on both latents as deep as the deepest chosen block; targets have no gradient.

    Args:
        blocks: numbers of the decoder's blocks, ascending, counted from the latent.
        weight: factor of the term in the objective. The paper chooses it so that LPL is 20 % of the sum.
        block_weights: ω of each chosen block; None: 1 / (the block's upscaling of the latent).
        mask_outliers: leave the outliers of the target's features out.
        estimate_statistics: standardise with the estimate's statistics instead of the target's.
        deviation_floor: see `standardised_distance`.
        checkpointing: save memory by running each block again in the backward pass.

    Raises:
        ValueError: at construction, an argument outside its range; at use, a block that the decoder does not
            have, latents smaller than 8×8, or a decoder that is not frozen.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        weight: float = 1.0,
        block_weights: Sequence[float] | None = None,
        mask_outliers: bool = True,
        estimate_statistics: bool = False,
        deviation_floor: float = 0.1,
        checkpointing: bool = True,
    ) -> None:
        super().__init__(weight)
        self.space = DecoderFeatures(blocks, checkpointing)
        count = len(self.space.blocks)
        self.block_weights = None if block_weights is None else _checked(block_weights, count)
        self.mask_outliers = mask_outliers
        self.estimate_statistics = estimate_statistics
        self.deviation_floor = non_negative("deviation_floor", deviation_floor)

    def forward(self, outputs: Outputs) -> Tensor:
        """LPL of `outputs.latent` against `outputs.target_latent`; gradients flow to the former only."""
        height = outputs.target_latent.shape[-2]
        _check_size(outputs.target_latent)
        targets, features = outputs.real(self.space), outputs.fake(self.space)
        weights = self.block_weights or [height / target.shape[-2] for target in targets]
        terms = [
            block_weight * self._distance(feature, target, outputs.image.shape[-2] // target.shape[-2])
            for block_weight, feature, target in zip(weights, features, targets)
        ]
        return torch.stack(terms).sum()

    def _distance(self, features: Tensor, target_features: Tensor, down_factor: int) -> Tensor:
        kept = torch.ones_like(target_features, dtype=torch.bool)
        if self.mask_outliers:
            kept = inlier_mask(target_features, max(1, down_factor))
        return standardised_distance(
            features, target_features, kept, self.estimate_statistics, self.deviation_floor
        )


def _check_size(latent: Tensor) -> None:
    height, width = latent.shape[-2:]
    if min(height, width) < SMALLEST_LATENT:
        raise ValueError(
            f"latent must be at least {SMALLEST_LATENT}×{SMALLEST_LATENT} for LPL, got {height}×{width}"
        )


def _max_pool(x: Tensor, size: int) -> Tensor:
    return functional.max_pool2d(x, size, stride=1, padding=(size - 1) // 2)


def _checked(block_weights: Sequence[float], count: int) -> list[float]:
    weights = [non_negative(f"block_weights[{i}]", weight) for i, weight in enumerate(block_weights)]
    if len(weights) != count:
        raise ValueError(f"block_weights must have one number per block, {count}, got {len(weights)}")
    return weights
