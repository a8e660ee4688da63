"""Lazy outputs of a training step against a discriminator, which sees pictures, latents or features."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from latent_inpaint.models.inpainter import LatentInpainter
from latent_inpaint.models.output import InpaintingOutput

Seen = tuple[Tensor, ...]
"""What a discriminator is called with: one tensor `[B, C, H, W]`, or the maps of a frozen network."""


class Space(Protocol):
    """What of an output a discriminator sees."""

    def real(self, output: InpaintingOutput) -> Seen:
        """The truth."""

    def fake(self, output: InpaintingOutput) -> Seen:
        """What the network makes, with gradients."""


class PixelSpace:
    """The discriminator compares pictures, as in LaMa: the decoder runs."""

    def real(self, output: InpaintingOutput) -> Seen:
        """True pictures, `[B, 3, H, W]` in [0, 1]."""
        return (output.image,)

    def fake(self, output: InpaintingOutput) -> Seen:
        """Predictions, `[B, 3, H, W]` in [0, 1]."""
        return (output.prediction,)


class LatentSpace:
    """The discriminator compares latents: the decoder is not run."""

    def real(self, output: InpaintingOutput) -> Seen:
        """Latents of the true pictures, `[B, C, h, w]`."""
        return (output.target_latent,)

    def fake(self, output: InpaintingOutput) -> Seen:
        """Repaired latents, `[B, C, h, w]`."""
        return (output.latent,)


def check_judged(term: str, output: InpaintingOutput) -> None:
    """Raise a ValueError naming the loss term unless the output comes with a discriminator."""
    if not isinstance(output, AdversarialOutput):
        raise ValueError(
            f"{term} needs a discriminator, and this training has none; choose "
            "training=adversarial, adversarial_latent, adversarial_decoder or adversarial_projected, or "
            "leave the term out"
        )


class AdversarialOutput(InpaintingOutput):
    """An `InpaintingOutput` that also knows what a discriminator says of it, computed when first asked for.

    Args:
        model: the network.
        image: true pictures, `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        discriminator: maps what `space` shows it to logits and a list of features; in the generator's step
            its parameters should not require gradients.
        space: what the discriminator sees.
    """

    def __init__(
        self, model: LatentInpainter, image: Tensor, mask: Tensor, discriminator: nn.Module, space: Space
    ) -> None:
        super().__init__(model, image, mask)
        self.discriminator = discriminator
        self.space = space

    @cached_property
    def real(self) -> Seen:
        """What the discriminator sees of the truth."""
        return self.space.real(self)

    @cached_property
    def fake(self) -> Seen:
        """What the discriminator sees of the network's work, with gradients."""
        return self.space.fake(self)

    @cached_property
    def _fake_judgement(self) -> tuple[Tensor, list[Tensor]]:
        return self.discriminator(*self.fake)

    @property
    def fake_logits(self) -> Tensor:
        """Logits of the network's work, `[B, L, h, w]`, with gradients."""
        return self._fake_judgement[0]

    @property
    def fake_features(self) -> list[Tensor]:
        """The discriminator's features of the network's work, with gradients."""
        return self._fake_judgement[1]

    @cached_property
    def real_features(self) -> list[Tensor]:
        """The discriminator's features of the truth, without gradient."""
        with torch.no_grad():
            return self.discriminator(*self.real)[1]
