"""Methods without a network, of `latent_inpaint.models.classical`: OpenCV's two, and PatchMatch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from latent_inpaint.evaluation.methods import BlindMethod
from latent_inpaint.models.classical import opencv, patchmatch
from latent_inpaint.models.classical.base import PictureInpainter


class ClassicalMethod(BlindMethod):
    """An inpainter without weights as a method.

    Args:
        inpainter: what fills the pictures.
        name: how the method is called in tables.
    """

    def __init__(self, inpainter: PictureInpainter, name: str) -> None:
        super().__init__(name)
        self.inpainter = inpainter

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """Fill each picture of the batch."""
        return self.inpainter(masked_image, mask)

    def card(self) -> dict[str, Any]:
        """The inpainter's settings."""
        return self.inpainter.settings()


class Telea(ClassicalMethod):
    """See `latent_inpaint.models.classical.Telea`, also for the radius."""

    def __init__(self, radius: float = 3.0, name: str = "telea") -> None:
        super().__init__(opencv.Telea(radius), name)


class NavierStokes(ClassicalMethod):
    """See `latent_inpaint.models.classical.NavierStokes`, also for the radius."""

    def __init__(self, radius: float = 3.0, name: str = "navier_stokes") -> None:
        super().__init__(opencv.NavierStokes(radius), name)


class PatchMatch(ClassicalMethod):
    """See `latent_inpaint.models.classical.PatchMatch`, also for patch size and seed."""

    def __init__(self, patch_size: int = 3, seed: int = 0, name: str = "patchmatch") -> None:
        super().__init__(patchmatch.PatchMatch(patch_size, seed, bounded=False), name)
