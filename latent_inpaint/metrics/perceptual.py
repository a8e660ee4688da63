"""Distances of two pictures' feature maps: PD-lite0 and LPIPS."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def lite0_perceptual_distance(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
    """Return PD-lite0 `[B]`: squared distance of channel-normalised features, mean over space and depths.

    It has a name of its own because it is not LPIPS: it compares rows of this project with each other, not
    with published ones. The pictures are seen at their own size. 0 for equal pictures, at most 4.

    Args:
        features_a: outputs of `Lite0Features(PERCEPTUAL_BLOCKS)`, `[B, C, h, w]` each.
        features_b: the same of the other pictures.

    Example:
        >>> a, b = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 0.1]).view(1, 2, 1, 1)
        >>> lite0_perceptual_distance([a], [b])  # other channels: orthogonal
        tensor([2.])
        >>> lite0_perceptual_distance([a, a], [9 * a, b])
        tensor([1.])
    """
    depths = [
        (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean(dim=(1, 2))
        for a, b in zip(features_a, features_b)
    ]
    return torch.stack(depths).mean(dim=0)


def lpips_distance(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
    """Return LPIPS `[B]` (Zhang et al., 2018, eq. 1): squared distance, mean over space, sum over depths.

    Args:
        features_a: outputs of `LPIPSFeatures`, `[B, C, h, w]` each.
        features_b: the same of the other pictures.

    Example:
        >>> a, b = torch.zeros(1, 4, 2, 2), torch.full((1, 4, 2, 2), 0.5)
        >>> lpips_distance([a, a], [b, b])
        tensor([2.])
    """
    depths = [(a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in zip(features_a, features_b)]
    return torch.stack(depths).sum(dim=0)
