"""Feature matching on the discriminator's features (pix2pixHD, Wang et al., 2018; LaMa, section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import check_same_shape


def feature_distances(features: Sequence[Tensor], target_features: Sequence[Tensor]) -> Tensor:
    """Mean squared difference of each pair of feature maps, `[number of maps]`.

    Raises:
        ValueError: no map, another number of maps, or maps of different shapes.

    Example:
        >>> zero, one = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
        >>> feature_distances([one, 3 * one], [zero, zero])
        tensor([1., 9.])
    """
    if not features or len(features) != len(target_features):
        raise ValueError(
            "features and target_features must have equally many maps, at least one, "
            f"got {len(features)} and {len(target_features)}"
        )
    for i, (one, other) in enumerate(zip(features, target_features)):
        check_same_shape(f"features[{i}]", one, f"target_features[{i}]", other)
    return torch.stack([functional.mse_loss(one, other) for one, other in zip(features, target_features)])


def feature_matching_loss(fake_features: Sequence[Tensor], real_features: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the mean squared difference of the discriminator's features (logits excluded).

    Args:
        fake_features: of the generated pictures or latents, one map `[B, C, h, w]` per layer.
        real_features: of the true ones, the same shapes.

    Raises:
        ValueError: no layer, another number of layers, or shapes that differ.

    Example:
        >>> zero, one = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
        >>> feature_matching_loss([one, 3 * one], [zero, zero])
        tensor(5.)
    """
    return feature_distances(fake_features, real_features).mean()
