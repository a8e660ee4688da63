"""The rim knows the error: what a prediction gets wrong on known pixels is extended smoothly into the hole.

A prediction may be off by a shade or a tint, in the hole as on the known pixels beside it. Adding the
extended difference is Poisson cloning, with a push–pull pyramid (Gortler et al., 1996, The Lumigraph,
section 4.3) in place of the solution of the equation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def push_pull(values: Tensor, known: Tensor) -> Tensor:
    """Extend known values smoothly over all positions; known ones are kept.

    Going down, each level of the pyramid has the mean of what is known in 2×2 positions; going up, unknown
    positions take the coarser level's value. No parameters; differentiable in `values`.

    Args:
        values: `[B, C, H, W]`, finite where known.
        known: `[B, 1, H, W]` in {0, 1}, 1 = known.

    Returns:
        `[B, C, H, W]`; 0 in pictures of which nothing is known.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> known = torch.ones(1, 1, 4, 4).index_fill_(3, torch.tensor([1, 2]), 0)
        >>> push_pull(torch.full((1, 3, 4, 4), 0.25), known).unique().tolist()
        [0.25]
    """
    if values.ndim != 4 or known.shape != (values.shape[0], 1, *values.shape[2:]):
        expected = [values.shape[0], 1, *values.shape[2:]] if values.ndim == 4 else "[B, 1, H, W]"
        raise ValueError(f"known must have the shape {expected} of its values, got {list(known.shape)}")
    levels = [(torch.where(known > 0.5, values, 0), known.to(values.dtype))]
    while max(levels[-1][1].shape[-2:]) > 1:
        total, weight = (functional.avg_pool2d(x, 2, ceil_mode=True) for x in levels[-1])
        levels.append((total, weight))
    extended = torch.zeros_like(levels[-1][0])
    for total, weight in reversed(levels):
        size = (total.shape[-2], total.shape[-1])
        coarse = functional.interpolate(extended, size, mode="bilinear", align_corners=False)
        extended = torch.where(weight > 0, total / weight.clamp_min(1e-12), coarse)
    return extended


def with_membrane(image: Tensor, mask: Tensor, prediction: Tensor) -> Tensor:
    """The prediction, corrected in the hole by its error on the known pixels around.

    Args:
        image: `[B, 3, H, W]` in [0, 1]; what is inside the hole does not matter.
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        prediction: for the whole picture, `[B, 3, H, W]` in [0, 1].

    Returns:
        `[B, 3, H, W]` in [0, 1]; on known pixels the picture itself.

    Example:
        >>> image, mask = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
        >>> mask[..., 2:5, 2:5] = 1
        >>> bool((with_membrane(image, mask, image + 0.1) - image).abs().max() < 1e-6)
        True
    """
    error = push_pull(image - prediction, 1 - mask)
    return torch.where(mask > 0.5, prediction + error, image).clamp(0, 1)
