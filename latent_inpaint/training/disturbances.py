"""What disturbs the latents in stage 1: a decoder then learns to read latents that are not exact.

A refiner's latents will not be exact either.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from latent_inpaint.losses.base import non_negative
from latent_inpaint.losses.hole_weights import HoleWeights


class Disturbance(Protocol):
    """Changes latents; the decoder still has to give the true picture."""

    def __call__(self, latent: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """A disturbed copy.

        Args:
            latent: `[B, C, h, w]`.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of everything random, on the CPU.
        """


class LatentNoise:
    """Normal noise everywhere.

    Each picture draws how much: the noise's deviation is uniform between 0 and `most` times its channel's.

    Args:
        most: largest deviation, as a share of the channel's own, at least 0.

    Raises:
        ValueError: most is negative or not finite.
    """

    def __init__(self, most: float) -> None:
        self.most = non_negative("most", most)

    def __call__(self, latent: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """See `Disturbance`; the mask plays no part."""
        level = self.most * torch.rand(len(latent), 1, 1, 1, generator=generator)
        noise = level * torch.randn(latent.shape, generator=generator)
        return latent + latent.detach().std(dim=(0, 2, 3), keepdim=True) * noise.to(latent)


class LatentMixture:
    """Where a position sees the hole, a mixture with the latent of another picture of the batch.

    Its errors are related over positions and channels, as a refiner's are. Each picture draws the other one's
    share, uniform between 0 and `most`.

    Args:
        most: largest share, in [0, 1].
        receptive_field: side in pixels of what a latent position sees, odd; see `hole_at_latent`.

    Raises:
        ValueError: most is outside [0, 1], or receptive_field even or below 1.
    """

    def __init__(self, most: float, receptive_field: int = 21) -> None:
        self.most = _share("most", most)
        self._damage = HoleWeights(hole_weight=1, known_weight=0, receptive_field=receptive_field)

    def __call__(self, latent: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """See `Disturbance`; a batch of one picture is not changed."""
        share = self.most * torch.rand(len(latent), 1, 1, 1, generator=generator)
        damage = self._damage(mask, (latent.shape[-2], latent.shape[-1]))
        return torch.lerp(latent, latent.detach().roll(1, dims=0), share.to(latent) * damage.to(latent))


class LatentDropout:
    """Single values become 0, the others grow so that the mean stays (Srivastava et al., 2014).

    Each picture draws the share of values, uniform between 0 and `most`.

    Args:
        most: largest share, in [0, 1).

    Raises:
        ValueError: most is outside [0, 1).
    """

    def __init__(self, most: float) -> None:
        self.most = _share("most", most)
        if self.most == 1:
            raise ValueError("most must be below 1: nothing would be left")

    def __call__(self, latent: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """See `Disturbance`; the mask plays no part."""
        share = self.most * torch.rand(len(latent), 1, 1, 1, generator=generator)
        kept = torch.rand(latent.shape, generator=generator) >= share
        return latent * (kept / (1 - share)).to(latent)


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return float(value)
