"""Mean squared error in pixels: what the autoencoder is trained with (thesis, section 3, stage 1)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, check_same_shape
from latent_inpaint.spaces import Outputs


def pixel_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """`mean (x̂ − x)²` of two tensors of the same shape.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> pixel_mse(torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 3, 4, 4))
        tensor(0.2500)
    """
    check_same_shape("prediction", prediction, "target", target)
    return functional.mse_loss(prediction, target)


class PixelMSE(LossTerm):
    """`pixel_mse` between the prediction and the true picture, over the whole picture."""

    def forward(self, outputs: Outputs) -> Tensor:
        """Mean squared difference of `outputs.prediction` and `outputs.image`."""
        return pixel_mse(outputs.prediction, outputs.image)
