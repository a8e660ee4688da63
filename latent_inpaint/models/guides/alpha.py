"""The mask as the encoder's fourth channel ("alpha"), as in LaMa (Suvorov et al., 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.autoencoders.ffc import Encoder
from latent_inpaint.models.guides.base import Guide
from latent_inpaint.models.parts import part


def with_alpha(image: Tensor, mask: Tensor) -> Tensor:
    """The masked picture and its mask, `[B, 4, H, W]`."""
    return torch.cat([image * (1 - mask), mask], dim=1)


@part
class MaskAsAlpha(Guide):
    """The inpainter's one encoder sees the mask, an empty one with whole pictures (LaMa's generator)."""

    def forward(self, image: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
        """`E([x ⊙ (1 − m), m])`; see `Guide`."""
        return encoder(with_alpha(image, mask))


@part
class AlphaEncoder(Guide):
    """An encoder of its own sees the mask; the plain one gives the true latents (the thesis' alpha rows).

    Args:
        encoder: with four input channels, the mask the last.

    Raises:
        ValueError: the encoder takes another number of channels.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        if encoder.in_channels != 4:
            raise ValueError(f"encoder must take 4 channels, the mask the last, got {encoder.in_channels}")
        self.encoder = encoder

    def forward(self, image: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
        """`E'([x ⊙ (1 − m), m])`; the plain encoder does not run. See `Guide`."""
        return self.encoder(with_alpha(image, mask))

    def start_from(self, encoder: nn.Module) -> None:
        """Take the plain encoder's weights, and zeros for the mask: at first it sees what that one does."""
        state = dict(encoder.state_dict())
        state["stem.conv.weight"] = functional.pad(state["stem.conv.weight"], (0, 0, 0, 0, 0, 1))
        self.encoder.load_state_dict(state)
