"""What a denoiser sees of the condition, as channels: masked latent, hole, and the mask's pixels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.latent_statistics import LatentStatistics
from latent_inpaint.models.refiners.base import Condition, Refiner
from latent_inpaint.models.refiners.sampling import Guidance


def condition_channels(channels: int, down_factor: int = 8, mean: bool = False) -> int:
    """Channels of the condition: masked latent, the mean's with `mean`, hole, and the mask's f×f pixels.

    Example:
        >>> condition_channels(64), condition_channels(32, mean=True)
        (129, 129)
    """
    return (2 if mean else 1) * channels + 1 + down_factor**2


def shown(condition: Condition, base: Tensor | None, kept: Tensor, statistics: LatentStatistics) -> Tensor:
    """What a conditional denoiser sees beside z_t, `[B, condition_channels, h, w]`.

    Args:
        condition: what is known.
        base: latent of the refiner that gives the mean, or None.
        kept: bool `[B]`; where not, everything is hole and nothing known.
        statistics: of whole latents.

    Raises:
        ValueError: the condition has no hole or no mask.
    """
    for name in ("hole", "mask"):
        if getattr(condition, name) is None:
            raise ValueError(f"condition.{name}: a conditional denoiser has to see it, got None")
    assert condition.hole is not None and condition.mask is not None
    latents = [condition.masked_latent] if base is None else [condition.masked_latent, base]
    known = torch.cat([statistics.standardise(latent) for latent in latents], dim=1)
    factor = condition.mask.shape[-1] // known.shape[-1]
    pixels = functional.pixel_unshuffle(condition.mask, factor)  # [B, f², h, w]
    holes = torch.cat([condition.hole, pixels], dim=1).to(known)
    keep = kept.view(-1, 1, 1, 1)
    return torch.cat([known * keep, torch.where(keep, holes, torch.ones_like(holes))], dim=1)


def check_settings(
    denoiser: nn.Module,
    steps: int,
    dropped: float,
    guidance: Guidance,
    mean: Refiner | None,
    down_factor: int,
    clean_known: bool,
) -> None:
    """Raise a ValueError for settings that do not fit each other."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 <= dropped < 1:
        raise ValueError(f"dropped must be in [0, 1), got {dropped}")
    expected = condition_channels(cast(int, denoiser.channels), down_factor, mean is not None)
    if denoiser.condition_channels not in (0, expected):
        raise ValueError(
            f"denoiser: condition_channels must be {expected} (masked latent, "
            f"{'' if mean is None else 'mean, '}hole, {down_factor}×{down_factor} pixels of the mask) or 0, "
            f"got {denoiser.condition_channels}"
        )
    if guidance.scale != 1 and not (dropped and denoiser.condition_channels):
        raise ValueError(
            f"guidance: a scale of {guidance.scale} compares with an estimate without the condition, which "
            "is learnt from dropped conditions; set dropped above 0, with a conditional denoiser"
        )
    if clean_known and not denoiser.condition_channels:
        raise ValueError("clean_known: a denoiser without condition cannot see which positions are known")
    if mean is not None and mean.multiple:
        raise ValueError(
            f"mean: must be a function of the condition, got a {type(mean).__name__}, which draws"
        )
