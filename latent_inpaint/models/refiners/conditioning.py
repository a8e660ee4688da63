"""What a denoiser sees of the condition, as channels: masked latent, hole, and the mask's pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.latent_statistics import LatentStatistics
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, Refiner
from latent_inpaint.models.refiners.sampling import Guidance


def condition_channels(channels: int, down_factor: int = 8, mean: bool = False) -> int:
    """Channels of the condition: masked latent, the mean's with `mean`, hole, and the mask's f×f pixels.

    Example:
        >>> condition_channels(64), condition_channels(32, mean=True)
        (129, 129)
    """
    return (2 if mean else 1) * channels + 1 + down_factor**2


@dataclass(frozen=True)
class View:
    """What a conditional denoiser sees beside z_t."""

    def channels(self, channels: int, down_factor: int, mean: bool) -> int:
        """How many channels that is, for latents of `channels`."""
        raise NotImplementedError

    def holes(self, condition: Condition, like: Tensor) -> Tensor:
        """Where what is missing lies, `[B, K, h, w]`, in a latent's size, device and precision."""
        raise NotImplementedError

    def __call__(
        self, condition: Condition, base: Tensor | None, kept: Tensor, statistics: LatentStatistics
    ) -> Tensor:
        """What is seen, `[B, channels, h, w]`.

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
        latents = [condition.masked_latent] if base is None else [condition.masked_latent, base]
        known = torch.cat([statistics.standardise(latent) for latent in latents], dim=1)
        holes, keep = self.holes(condition, known), kept.view(-1, 1, 1, 1)
        return torch.cat([known * keep, torch.where(keep, holes, torch.ones_like(holes))], dim=1)


@part
@dataclass(frozen=True)
class ExactView(View):
    """The masked latent, where it is not the true one, and the mask's f×f pixels as channels."""

    def channels(self, channels: int, down_factor: int, mean: bool) -> int:
        """See `View`."""
        return condition_channels(channels, down_factor, mean)

    def holes(self, condition: Condition, like: Tensor) -> Tensor:
        """See `View`."""
        hole, mask = cast(Tensor, condition.hole), cast(Tensor, condition.mask)
        pixels = functional.pixel_unshuffle(mask, mask.shape[-1] // like.shape[-1])  # [B, f², h, w]
        return torch.cat([hole, pixels], dim=1).to(like)


@part
@dataclass(frozen=True)
class LDMView(View):
    """The masked latent, and the mask by nearest neighbour in {−1, 1}: latent diffusion's own inpainting
    (Rombach et al., 2022, CompVis/latent-diffusion `scripts/inpaint.py`): a thin stroke may be lost."""

    def channels(self, channels: int, down_factor: int, mean: bool) -> int:
        """See `View`."""
        return (2 if mean else 1) * channels + 1

    def holes(self, condition: Condition, like: Tensor) -> Tensor:
        """See `View`."""
        mask = cast(Tensor, condition.mask)
        return 2 * functional.interpolate(mask, like.shape[-2:], mode="nearest").to(like) - 1


def check_settings(
    denoiser: nn.Module,
    steps: int,
    dropped: float,
    guidance: Guidance,
    mean: Refiner | None,
    down_factor: int,
    clean_known: bool,
    view: View,
) -> None:
    """Raise a ValueError for settings that do not fit each other."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 <= dropped < 1:
        raise ValueError(f"dropped must be in [0, 1), got {dropped}")
    expected = view.channels(cast(int, denoiser.channels), down_factor, mean is not None)
    if denoiser.condition_channels not in (0, expected):
        raise ValueError(
            f"denoiser: condition_channels must be {expected}, what {type(view).__name__} shows, or 0, "
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
