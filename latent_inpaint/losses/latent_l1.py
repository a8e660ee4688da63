"""L1 in latent space: the repaired latent against that of the whole picture (thesis, section 4)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, check_same_shape
from latent_inpaint.losses.hole_weights import HoleWeights
from latent_inpaint.spaces import Outputs


def latent_l1(
    latent: Tensor,
    target: Tensor,
    position_weights: Tensor | None = None,
) -> Tensor:
    """`L_lat = mean |R(z_masked) − E(x)|` over all positions and channels, local and global ones.

    Args:
        latent: refined latent, `[B, C, h, w]`.
        target: the true picture's latent, `[B, C, h, w]`.
        position_weights: `[B, 1, h, w]`, factors of the absolute differences; None: 1.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> latent, target = torch.full((1, 4, 2, 2), 0.5), torch.zeros(1, 4, 2, 2)
        >>> latent_l1(latent, target), latent_l1(latent, target, torch.tensor([1.0, 3.0]).expand(1, 1, 2, 2))
        (tensor(0.5000), tensor(1.))
    """
    check_same_shape("latent", latent, "target", target)
    distance = functional.l1_loss(latent, target, reduction="none")
    if position_weights is not None:
        distance = position_weights * distance
    return distance.mean()


class LatentL1(LossTerm):
    """`latent_l1` of the output's latents. Weight 1 when alone, 1e-4 beside LaMa's pixel losses.

    Args:
        weight: factor of the term in the objective.
        positions: weights in and outside the hole; None: all 1, as the thesis has it.
    """

    def __init__(
        self,
        weight: float = 1.0,
        positions: HoleWeights | None = None,
    ) -> None:
        super().__init__(weight)
        self.positions = positions

    def forward(self, outputs: Outputs) -> Tensor:
        """Weighted mean absolute difference of `outputs.latent` and `outputs.target_latent`."""
        position_weights = None
        if self.positions is not None:
            height, width = outputs.latent.shape[-2:]
            position_weights = self.positions(outputs.mask, (height, width))
        return latent_l1(outputs.latent, outputs.target_latent, position_weights)
