"""L1 in latent space: the repaired latent against that of the whole picture (thesis, section 4)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm, check_same_shape
from latent_inpaint.models.output import InpaintingOutput


def latent_l1(latent: Tensor, target: Tensor) -> Tensor:
    """`L_lat = mean |R(z_masked) − E(x)|` over all positions and channels, local and global ones.

    Args:
        latent: refined latent, `[B, C, h, w]`.
        target: the true picture's latent, `[B, C, h, w]`.

    Raises:
        ValueError: the shapes differ.
    """
    check_same_shape("latent", latent, "target", target)
    return functional.l1_loss(latent, target)


class LatentL1(LossTerm):
    """`latent_l1` of the output's latents. Weight 1 when alone, 1e-4 beside LaMa's pixel losses."""

    def forward(self, output: InpaintingOutput) -> Tensor:
        """Mean absolute difference of `output.latent` and `output.target_latent`."""
        return latent_l1(output.latent, output.target_latent)
