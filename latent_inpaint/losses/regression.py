"""The regression of a refiner that has one: a denoiser's prediction, a recurrent one's corrections."""

from __future__ import annotations

from torch import Tensor

from latent_inpaint.losses.base import LossTerm, at_least_float32, check_same_shape
from latent_inpaint.losses.hole_weights import HoleWeights
from latent_inpaint.spaces import Outputs


def regression_loss(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    position_weights: Tensor | None = None,
    power: float = 2,
) -> Tensor:
    """`mean w_b · w_p · |predicted − target|^power`.

    Args:
        predicted: what a network predicted, `[B, C, h, w]`.
        target: what that should be, `[B, C, h, w]`.
        weight: `[B]`, of each picture, by its time say; None: 1.
        position_weights: `[B, 1, h, w]`, or of a divisor of B, repeated; None: 1.
        power: of the absolute difference.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> import torch
        >>> one, zero = torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)
        >>> regression_loss(one, zero, torch.tensor([1.0, 3.0])).item()
        2.0
    """
    check_same_shape("predicted", predicted, "target", target)
    error = (at_least_float32(predicted) - at_least_float32(target)).abs() ** power
    if weight is not None:
        if list(weight.shape) != [len(error)]:
            raise ValueError(f"weight must have the shape [{len(error)}], got {list(weight.shape)}")
        error = weight.view(-1, 1, 1, 1) * error
    if position_weights is not None:
        repeats, rest = divmod(len(error), len(position_weights))
        if rest:
            raise ValueError(
                f"position_weights must be of {len(error)} pictures or a divisor, got {len(position_weights)}"
            )
        error = position_weights.repeat(repeats, 1, 1, 1) * error
    return error.mean()


class Regression(LossTerm):
    """`regression_loss` of what the refiner gives as its regression; what trains flow and diffusion.

    Args:
        weight: factor of the term in the objective.
        positions: weights in and outside the hole: known latents are nearly determined; None: all 1.
        power: 2 for flow and diffusion; 1 for the corrections of a recurrent refiner.

    Raises:
        ValueError: power is neither 1 nor 2.
    """

    def __init__(self, weight: float = 1.0, positions: HoleWeights | None = None, power: float = 2) -> None:
        super().__init__(weight)
        if power not in (1, 2):
            raise ValueError(f"power must be 1 or 2, got {power}")
        self.positions = positions
        self.power = power

    def forward(self, outputs: Outputs) -> Tensor:
        """The weighted mean error of `outputs.refined.regression`.

        Raises:
            ValueError: the refiner has no regression of its own.
        """
        refined = outputs.refined
        if refined.regression is None:
            raise ValueError(
                "refiner: it is a function and has no regression of its own; use a term such as LatentL1"
            )
        predicted, target = refined.regression
        position_weights = None
        if self.positions is not None:
            height, width = predicted.shape[-2:]
            position_weights = self.positions(outputs.mask, (height, width))
        return regression_loss(predicted, target, refined.weight, position_weights, self.power)
