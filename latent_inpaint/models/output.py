"""Lazy outputs of one training step: a loss asks for what it needs, and only that is computed."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from latent_inpaint.models.geometry import check_shapes
from latent_inpaint.models.inpainter import LatentInpainter, composite


class InpaintingOutput:
    """What the network makes of a batch, each part computed when first asked for, and kept.

    When no term of the objective looks at pixels, nobody asks for `prediction` and the decoder is not run.

    Args:
        model: the network.
        image: true pictures, `[B, 3, H, W]` in [0, 1], H and W multiples of the network's `down_factor`.
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
    """

    def __init__(self, model: LatentInpainter, image: Tensor, mask: Tensor) -> None:
        check_shapes(image, mask)
        factor = model.down_factor
        if image.shape[-2] % factor or image.shape[-1] % factor:
            raise ValueError(
                f"image: height and width must be multiples of {factor}, got {list(image.shape[-2:])}"
            )
        self.model = model
        self.image = image
        self.mask = mask

    @cached_property
    def masked_latent(self) -> Tensor:
        """`E(x ⊙ (1 − m))`, guided by the mask, `[B, C, h, w]`."""
        return self.model.encode_masked(self.image, self.mask)

    @cached_property
    def latent(self) -> Tensor:
        """Repaired latent `R(masked_latent)`, `[B, C, h, w]`."""
        return self.model.refine(self.masked_latent)

    @cached_property
    def target_latent(self) -> Tensor:
        """The true picture's latent `E(x)` by the plain encoder, without gradient, `[B, C, h, w]`."""
        with torch.no_grad():
            return self.model.encode(self.image)

    @cached_property
    def prediction(self) -> Tensor:
        """`D(latent)`, `[B, 3, H, W]` in [0, 1]."""
        return self.model.decode(self.latent)

    @cached_property
    def composite(self) -> Tensor:
        """Prediction in the hole, the picture elsewhere, `[B, 3, H, W]` in [0, 1]."""
        return composite(self.image, self.mask, self.prediction)
