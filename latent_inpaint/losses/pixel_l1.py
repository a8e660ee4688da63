"""L1 in pixels with different weights in and outside the hole (LaMa, Suvorov et al., 2022)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, check_hole, check_same_shape, non_negative
from latent_inpaint.spaces import Outputs


def pixel_l1(
    prediction: Tensor, target: Tensor, hole: Tensor, known_weight: float = 1.0, hole_weight: float = 1.0
) -> Tensor:
    """`mean((known_weight·(1 − m) + hole_weight·m) · |x̂ − x|)`, the mean taken over all pixels and channels.

    Args:
        prediction: `[B, C, H, W]`.
        target: true pictures, `[B, C, H, W]`.
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        known_weight: weight of the pixels outside the hole.
        hole_weight: weight of the pixels in the hole.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> prediction, target = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
        >>> hole = torch.zeros(1, 1, 4, 4)
        >>> hole[..., :2] = 1
        >>> pixel_l1(prediction, target, hole, known_weight=10, hole_weight=0)  # half of it is known
        tensor(5.)
    """
    check_same_shape("prediction", prediction, "target", target)
    check_hole(hole, prediction)
    weights = known_weight * (1 - hole) + hole_weight * hole
    return (weights * functional.l1_loss(prediction, target, reduction="none")).mean()


class PixelL1(LossTerm):
    """`pixel_l1` between the prediction and the true picture. LaMa's training: weight 10, `hole_weight` 0.

    Args:
        weight: factor of the term in the objective.
        known_weight: weight of the pixels outside the hole, at least 0.
        hole_weight: weight of the pixels in the hole, at least 0.

    Raises:
        ValueError: a weight is negative or not finite, or both are 0.
    """

    def __init__(self, weight: float = 1.0, known_weight: float = 1.0, hole_weight: float = 1.0) -> None:
        super().__init__(weight)
        self.known_weight = non_negative("known_weight", known_weight)
        self.hole_weight = non_negative("hole_weight", hole_weight)
        if not self.known_weight + self.hole_weight:
            raise ValueError("known_weight and hole_weight must not both be 0")

    def forward(self, outputs: Outputs) -> Tensor:
        """Weighted mean absolute difference of `outputs.prediction` and `outputs.image`."""
        return pixel_l1(outputs.prediction, outputs.image, outputs.mask, self.known_weight, self.hole_weight)
