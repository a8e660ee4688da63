"""Perceptual losses on the features of a pretrained network (HRF PL: LaMa, Suvorov et al., 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latent_inpaint.losses.base import LossTerm, at_least_float32
from latent_inpaint.losses.feature_matching import feature_distances
from latent_inpaint.models.norm import mean_of_all, n_processes
from latent_inpaint.spaces import Backbone, Outputs


def perceptual_loss(
    features: Sequence[Tensor], target_features: Sequence[Tensor], relative: bool = False
) -> Tensor:
    """Sum over the feature maps of the mean squared difference.

    Args:
        features: of the prediction, maps `[B, C, h, w]`.
        target_features: of the true picture, the same shapes.
        relative: divide each difference by its target map's variance over the batch, the channels and space.

    Raises:
        ValueError: no map, another number of maps, or shapes that differ.

    Example:
        >>> zero, one = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
        >>> perceptual_loss([one, 3 * one], [zero, zero])
        tensor(10.)
    """
    distances = feature_distances(features, target_features)
    if not relative:
        return distances.sum()
    variances = torch.stack([_variance(at_least_float32(target)) for target in target_features])
    return (distances / variances.clamp_min(1e-12)).sum()


def _variance(target: Tensor) -> Tensor:
    """Over the batch, of all processes, the channels and space."""
    n, total = target.numel(), target.numel() * n_processes()
    mean, unbiased = target.mean(), total / max(1, total - 1)
    within = target.var() * ((n - 1) / n * unbiased)
    return mean_of_all(within + unbiased * (mean - mean_of_all(mean)).square())


class Perceptual(LossTerm):
    """`perceptual_loss` between prediction and true picture on a frozen network's features.

    LaMa: weight 30 on the four maps of `backbones.ADE20KResNet50`, whose receptive field is high (HRF PL).
    `backbones.VGG19` is the alternative. `backbones.Lite0Features` needs no download; its maps have
    variances of 10 to 90, so it wants `relative` and a weight near 1. A network trained on it must not be
    judged by PD-lite0 or FD-lite0 alone, which look at the same features.

    Args:
        backbone: maps pictures `[B, 3, H, W]` in [0, 1] to a list of feature maps; it is frozen here.
        weight: factor of the term in the objective.
        relative: see `perceptual_loss`.
        composite: of the composite, the known pixels pasted back, instead of the prediction (FcF).
    """

    def __init__(
        self, backbone: nn.Module, weight: float = 1.0, relative: bool = False, composite: bool = False
    ) -> None:
        super().__init__(weight)
        self.space = Backbone(backbone, composite)
        self.relative = relative

    def forward(self, outputs: Outputs) -> Tensor:
        """Distance of the features of `outputs.prediction` from those of `outputs.image`."""
        targets = outputs.real(self.space)
        return perceptual_loss(outputs.fake(self.space), targets, self.relative)
