"""L2 of the hole and of a rim of known pixels around it (Pathak et al., 2016, section 3.2)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, check_hole, check_same_shape, non_negative
from latent_inpaint.spaces import Outputs


def overlap_l2(
    prediction: Tensor, target: Tensor, hole: Tensor, overlap: int = 7, overlap_weight: float = 10.0
) -> Tensor:
    """`Σ w (x̂ − x)² / Σ w'`: w is 1 in the hole and `overlap_weight` on the known rim, w' 1 on both.

    The rim makes the fill continue what is known. Other known pixels do not count.

    Args:
        prediction: `[B, C, H, W]`.
        target: true pictures, `[B, C, H, W]`.
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        overlap: width of the rim in pixels; 7 in the paper, 4 in the released code; 0 is none.
        overlap_weight: weight of the rim.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> prediction, target = torch.ones(1, 3, 5, 5), torch.zeros(1, 3, 5, 5)
        >>> hole = torch.zeros(1, 1, 5, 5)
        >>> hole[..., 2, 2] = 1
        >>> round(overlap_l2(prediction, target, hole, overlap=1).item(), 4)  # 1 and 8 of weight 10
        9.0
    """
    check_same_shape("prediction", prediction, "target", target)
    check_hole(hole, prediction)
    around = functional.max_pool2d(hole, 2 * overlap + 1, 1, overlap)
    weights = hole + overlap_weight * (around - hole)
    squares = functional.mse_loss(prediction, target, reduction="none").mean(dim=1, keepdim=True)
    return (weights * squares).sum() / around.sum().clamp_min(1)


class OverlapL2(LossTerm):
    """`overlap_l2` between the prediction and the true picture.

    Args:
        weight: factor of the term in the objective.
        overlap: width of the rim in pixels, at least 0.
        overlap_weight: weight of the rim, at least 0.

    Raises:
        ValueError: an argument is negative.
    """

    def __init__(self, weight: float = 1.0, overlap: int = 7, overlap_weight: float = 10.0) -> None:
        super().__init__(weight)
        self.overlap = int(non_negative("overlap", overlap))
        self.overlap_weight = non_negative("overlap_weight", overlap_weight)

    def forward(self, outputs: Outputs) -> Tensor:
        """Weighted mean squared difference of `outputs.prediction` and `outputs.image`."""
        return overlap_l2(outputs.prediction, outputs.image, outputs.mask, self.overlap, self.overlap_weight)
