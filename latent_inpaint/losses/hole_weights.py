"""Weights of the latent's positions, in and outside what the hole reaches."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from latent_inpaint.losses.base import non_negative
from latent_inpaint.models.geometry import hole_at_latent


@dataclass(frozen=True)
class HoleWeights:
    """Weights of the latent's positions: `known_weight + (hole_weight − known_weight) · damage`.

    The damage is what `hole_at_latent` says: features next to the hole are damaged too (thesis, equation
    4.1).

    Args:
        hole_weight: weight of damaged positions, at least 0.
        known_weight: weight of undamaged positions, at least 0.
        receptive_field: side in pixels of what a latent position sees, odd.
        share: weigh by the share of the hole in the receptive field instead of whether there is any.
    """

    hole_weight: float = 1.0
    known_weight: float = 1.0
    receptive_field: int = 21
    share: bool = False

    def __post_init__(self) -> None:
        non_negative("hole_weight", self.hole_weight)
        non_negative("known_weight", self.known_weight)
        if self.receptive_field < 1 or self.receptive_field % 2 == 0:
            raise ValueError(f"receptive_field must be odd and at least 1, got {self.receptive_field}")

    def __call__(self, hole: Tensor, size: tuple[int, int]) -> Tensor:
        """Weights `[B, 1, h, w]` for a hole `[B, 1, H, W]` in {0, 1} and a latent of `size` (h, w)."""
        damage = hole_at_latent(hole, size, self.receptive_field, self.share)
        return self.known_weight + (self.hole_weight - self.known_weight) * damage
