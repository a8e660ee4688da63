"""Perceptual losses on the features of a pretrained network (HRF PL: LaMa, Suvorov et al., 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.feature_matching import feature_distances
from latent_inpaint.losses.frozen import Frozen
from latent_inpaint.models.output import InpaintingOutput


def perceptual_loss(features: Sequence[Tensor], target_features: Sequence[Tensor]) -> Tensor:
    """Sum over the feature maps of the mean squared difference.

    Args:
        features: of the prediction, maps `[B, C, h, w]`.
        target_features: of the true picture, the same shapes.

    Raises:
        ValueError: no map, another number of maps, or shapes that differ.
    """
    return feature_distances(features, target_features).sum()


class Perceptual(LossTerm):
    """`perceptual_loss` between prediction and true picture on a frozen network's features.

    LaMa: weight 30 on the four maps of `backbones.ADE20KResNet50`, whose receptive field is high (HRF PL).
    `backbones.VGG19` is the alternative; `metrics.lite0.Lite0Features` needs no download, but a network
    trained on it must not be judged by PD-lite0 or FD-lite0 alone, which look at the same features.

    Args:
        backbone: maps pictures `[B, 3, H, W]` in [0, 1] to a list of feature maps; it is frozen here.
        weight: factor of the term in the objective.
    """

    def __init__(self, backbone: nn.Module, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.backbone = Frozen(backbone)

    def forward(self, output: InpaintingOutput) -> Tensor:
        """Distance of the features of `output.prediction` from those of `output.image`."""
        with torch.no_grad():
            targets = self.backbone(output.image)
        return perceptual_loss(self.backbone(output.prediction), targets)
