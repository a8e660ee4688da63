"""What a guide is: how the mask enters. Siblings: no guide, mask as alpha, mask control."""

from __future__ import annotations

from torch import Tensor, nn

from latent_inpaint.models.parts import part


class Guide(nn.Module):
    """Base of the guides: `guide(image, mask, encoder) → latent of the masked picture`."""

    def forward(self, image: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
        """Latent of `x ⊙ (1 − m)`, `[B, C, h, w]`.

        Args:
            image: `[B, 3, H, W]` in [0, 1], H and W multiples of the encoder's `down_factor`.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            encoder: the inpainter's plain encoder, which a guide may run.
        """
        raise NotImplementedError

    def start_from(self, encoder: nn.Module) -> None:
        """Take the weights of a pretrained plain encoder as a start, where the guide has some of its own."""


@part
class Unguided(Guide):
    """The plain encoder sees the masked picture and no mask."""

    def forward(self, image: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
        """`E(x ⊙ (1 − m))`; see `Guide`."""
        return encoder(image * (1 - mask))
