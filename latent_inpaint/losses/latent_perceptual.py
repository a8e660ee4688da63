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

from latent_inpaint.losses.base import LossTerm, at_least_float32, non_negative
from latent_inpaint.losses.feature_distance import (
    normalised_distances,
    standardised_distances,
    variance_ratio,
)
from latent_inpaint.losses.noise_gate import noise_gate
from latent_inpaint.spaces import DecoderFeatures, Outputs

SMALLEST_LATENT = 8
_QUANTILE = 0.02


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


class LatentPerceptual(LossTerm):
    """The Latent Perceptual Loss between the repaired latent and the true picture's.

    The frozen decoder runs on both latents as deep as the deepest chosen block; targets have no gradient.

    Args:
        blocks: numbers of the decoder's blocks, ascending, counted from the latent.
        weight: factor of the term in the objective. The paper chooses it so that LPL is 20 % of the sum.
        block_weights: ω of each chosen block; None: 1 / (the block's upscaling of the latent).
        mask_outliers: leave the outliers of the target's features out.
        estimate_statistics: standardise with the estimate's statistics instead of the target's.
        statistics_gradient: let gradients flow through the estimate's statistics, the form for which public
            re-implementations report the gain.
        deviation_floor: see `standardised_distances`.
        channel_norm: the form of the code in diffusers, `normalised_distances`, in place of the paper's; with
            it the paper's ω and the mean over pictures stay.
        threshold: τ of `noise_gate`: 3 to 6 in the paper, of diffusion; None: all count.
        checkpointing: save memory by running each block again in the backward pass.
        every: steps from one evaluation to the next, each of which counts so many times.

    What is logged beside the value: the share of the pictures that count (`gated`), and each block's ratio of
    the estimate's feature variance to the target's (`variance_BLOCK`).

    Raises:
        ValueError: at construction, an argument outside its range; at use, a block that the decoder does not
            have, latents smaller than 8×8, a decoder that is not frozen, or a threshold where the refiner is
            a function without noise.
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
        statistics_gradient: bool = False,
        channel_norm: bool = False,
        threshold: float | None = None,
        every: int = 1,
    ) -> None:
        super().__init__(weight, every)
        if statistics_gradient and not estimate_statistics:
            raise ValueError("statistics_gradient: the target's have none; set estimate_statistics")
        if channel_norm and estimate_statistics:
            raise ValueError("channel_norm: it takes the target's norm; leave estimate_statistics out")
        if threshold is not None and not threshold > 0:
            raise ValueError(f"threshold must be positive (or null: no gate), got {threshold}")
        self.space = DecoderFeatures(blocks, checkpointing)
        count = len(self.space.blocks)
        self.block_weights = None if block_weights is None else _checked(block_weights, count)
        self.mask_outliers = mask_outliers
        self.estimate_statistics = estimate_statistics
        self.statistics_gradient = statistics_gradient
        self.channel_norm = channel_norm
        self.threshold = threshold
        self.deviation_floor = non_negative("deviation_floor", deviation_floor)

    def forward(self, outputs: Outputs) -> Tensor:
        """LPL of `outputs.latent` against `outputs.target_latent`; gradients flow to the former only."""
        height = outputs.target_latent.shape[-2]
        _check_size(outputs.target_latent)
        gate = noise_gate(outputs.refined, self.threshold)
        targets, features = outputs.real(self.space), outputs.fake(self.space)
        weights = self.block_weights or [height / target.shape[-2] for target in targets]
        terms = [
            block_weight * self._distances(feature, target, outputs.image.shape[-2] // target.shape[-2])
            for block_weight, feature, target in zip(weights, features, targets)
        ]
        value = torch.stack(terms).sum(dim=0)  # [B]
        self.noted = {
            f"variance_{block}": variance_ratio(feature, target)
            for block, feature, target in zip(self.space.blocks, features, targets)
        }
        if gate is None:
            return value.mean()
        self.noted["gated"] = gate.mean()
        return (gate * value).mean()

    def _distances(self, features: Tensor, target_features: Tensor, down_factor: int) -> Tensor:
        kept = torch.ones_like(target_features, dtype=torch.bool)
        if self.mask_outliers:
            kept = inlier_mask(target_features, max(1, down_factor))
        if self.channel_norm:
            return normalised_distances(features, target_features, kept)
        return standardised_distances(
            features,
            target_features,
            kept,
            self.estimate_statistics,
            self.deviation_floor,
            self.statistics_gradient,
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
