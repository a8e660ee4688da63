"""The best of several fills, by scores that need no truth: little seam, little strange to the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from latent_inpaint.models.geometry import pad_to_multiple


def best_of(pictures: Tensor, mask: Tensor, model: object = None) -> int:
    """Number of the fill with the least sum of standardised scores.

    The scores are `seams` and, of a model with a latent, `strangeness`.

    Args:
        pictures: fills of one picture, `[N, 3, H, W]` in [0, 1], known pixels in place.
        mask: `[1, 1, H, W]` in {0, 1}, 1 = hole.
        model: what drew them.

    Example:
        >>> pictures = torch.zeros(2, 3, 8, 8)
        >>> mask = torch.zeros(1, 1, 8, 8)
        >>> mask[..., 2:5, 2:5] = 1
        >>> pictures[0, :, 2:5, 2:5] = 0.5
        >>> best_of(pictures, mask)
        1
    """
    scores = _standardised(seams(pictures, mask))
    if all(hasattr(model, name) for name in ("encode", "decode", "down_factor")):
        scores = scores + _standardised(strangeness(pictures, mask, model))
    return int(scores.argmin())


def seams(pictures: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of neighbours of which one is filled and one known, `[N]`; 0 without a rim.

    Args:
        pictures: `[N, 3, H, W]`.
        mask: `[1, 1, H, W]` in {0, 1}, 1 = hole.
    """
    total, count = pictures.new_zeros(len(pictures)), pictures.new_zeros(())
    for dim in (2, 3):
        crosses = mask.diff(dim=dim).abs()
        total = total + (pictures.diff(dim=dim).abs().mean(dim=1, keepdim=True) * crosses).sum(dim=(1, 2, 3))
        count = count + crosses.sum()
    return total / count.clamp_min(1)


@torch.no_grad()
def strangeness(pictures: Tensor, mask: Tensor, model: Any) -> Tensor:
    """How far fills are from what the autoencoder knows, `mean |D(E(x̂)) − x̂|` over the hole, `[N]`.

    Args:
        pictures: `[N, 3, H, W]` in [0, 1].
        mask: `[1, 1, H, W]` in {0, 1}, 1 = hole.
        model: has `encode`, `decode` and `down_factor`.
    """
    size = pictures.shape[-2:]
    place = next((parameter.device for parameter in model.parameters()), pictures.device)
    padded = pad_to_multiple(pictures.to(place), model.down_factor)
    again = model.decode(model.encode(padded))[..., : size[0], : size[1]].to(pictures.device)
    difference = (again.float() - pictures).abs().mean(dim=1, keepdim=True) * mask
    return difference.sum(dim=(1, 2, 3)) / mask.sum().clamp_min(1)


def _standardised(scores: Tensor) -> Tensor:
    return (scores - scores.mean()) / (scores.std(unbiased=False) + 1e-9)
