"""Spaces: what of a step's outputs is looked at. Losses are distances, adversaries discriminators in one.

Outputs keep what a space shows for the rest of the step: a loss and an adversary in one space share its work.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from latent_inpaint.models.backbones import Frozen
from latent_inpaint.models.discriminators.stylegan import discriminator_input
from latent_inpaint.models.refiners.base import Refined

Seen = tuple[Tensor, ...]
"""What a space shows: one tensor `[B, C, H, W]`, or the feature maps of a frozen network."""


class Outputs(Protocol):
    """What a training step offers, each part computed when first asked for.

    Attributes:
        image: true pictures, `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        prediction: the network's pictures, `[B, 3, H, W]` in [0, 1].
        composite: prediction in the hole, the picture elsewhere.
        refined: what the refiner gives: the latent, and its own regression if it has one.
        latent: repaired latents, or a sampler's clean estimates, `[B, C, h, w]`.
        target_latent: latents of the true pictures, without gradient.
        model: the network, whose decoder's features may be compared.
        generator: source of everything random in the step, or None.
    """

    image: Tensor
    mask: Tensor
    model: Any
    generator: torch.Generator | None

    @property
    def prediction(self) -> Tensor: ...  # noqa: D102

    @property
    def composite(self) -> Tensor: ...  # noqa: D102

    @property
    def refined(self) -> Refined: ...  # noqa: D102

    @property
    def latent(self) -> Tensor: ...  # noqa: D102

    @property
    def target_latent(self) -> Tensor: ...  # noqa: D102

    def real(self, space: Space) -> Seen:
        """What a space shows of the truth, without gradient; computed once."""

    def fake(self, space: Space) -> Seen:
        """What a space shows of the network's work, with gradients; computed once."""

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returned when it was first asked for under this key."""

    def decoder_features(self, blocks: Sequence[int], of_target: bool, checkpointing: bool) -> list[Tensor]:
        """The decoder's features after these blocks; each block is computed once."""


class Space(Protocol):
    """What of the outputs is looked at.

    Attributes:
        key: equal for spaces that show the same.
    """

    @property
    def key(self) -> Hashable: ...  # noqa: D102

    def real(self, outputs: Outputs) -> Seen:
        """The truth."""

    def fake(self, outputs: Outputs) -> Seen:
        """What the network makes, with gradients."""


class Pixels:
    """Pictures, `[B, 3, H, W]` in [0, 1]: the decoder runs.

    Args:
        composite: look at what people see, the known pixels pasted back, instead of the prediction.
    """

    def __init__(self, composite: bool = False) -> None:
        self.composite = composite
        self.key = ("pixels", composite)

    def real(self, outputs: Outputs) -> Seen:
        """True pictures."""
        return (outputs.image,)

    def fake(self, outputs: Outputs) -> Seen:
        """Predictions or composites."""
        return (outputs.composite if self.composite else outputs.prediction,)


class PixelsAndMask:
    """Composites with their masks, `[½ − m, 2x − 1]`, `[B, 4, H, W]`: what FcF's discriminator sees."""

    key = "pixels and mask"

    def real(self, outputs: Outputs) -> Seen:
        """True pictures."""
        return (discriminator_input(outputs.image, outputs.mask),)

    def fake(self, outputs: Outputs) -> Seen:
        """Composites."""
        return (discriminator_input(outputs.composite, outputs.mask),)


class Latents:
    """Latents, `[B, C, h, w]`: the decoder is not run."""

    key = "latents"

    def real(self, outputs: Outputs) -> Seen:
        """Latents of the true pictures."""
        return (outputs.target_latent,)

    def fake(self, outputs: Outputs) -> Seen:
        """Repaired latents."""
        return (outputs.latent,)


class DecoderFeatures:
    """Features of true and repaired latents in the frozen decoder, which runs no deeper than the deepest
    chosen block: no picture is made.

    The decoder is a network that knows pictures and has been paid for (LPL, Berrada et al., ICLR 2025).

    Args:
        blocks: numbers of the decoder's blocks, ascending, counted from the latent.
        checkpointing: keep only the blocks' inputs for the backward pass, and run each block again in it.

    Raises:
        ValueError: at construction, blocks that are not ascending numbers; at use, a block that the decoder
            does not have, or a decoder that is not frozen.
    """

    def __init__(self, blocks: Sequence[int], checkpointing: bool = False) -> None:
        self.blocks = list(blocks)
        if not self.blocks or self.blocks != sorted(set(self.blocks)) or self.blocks[0] < 0:
            raise ValueError(f"blocks must be ascending numbers from 0 on, at least one, got {self.blocks}")
        self.checkpointing = checkpointing
        self.key = ("decoder", *self.blocks)

    def real(self, outputs: Outputs) -> Seen:
        """Maps of the true pictures' latents."""
        return tuple(outputs.decoder_features(self.blocks, True, False))

    def fake(self, outputs: Outputs) -> Seen:
        """Maps of the repaired latents."""
        return tuple(outputs.decoder_features(self.blocks, False, self.checkpointing))


class Backbone(nn.Module):
    """Features of pictures in a frozen pretrained network.

    A network trained with EfficientNet-Lite0 here must not be judged by PD-lite0 or FD-lite0 alone, which
    look at the same features.

    Args:
        network: maps pictures `[B, 3, H, W]` in [0, 1] to feature maps; it is frozen here.
        composite: look at what people see, the known pixels pasted back, instead of the prediction.
    """

    def __init__(self, network: nn.Module, composite: bool = False) -> None:
        super().__init__()
        self.network = Frozen(network)
        self.composite = composite
        self.key = ("backbone", getattr(network, "key", id(network)), composite)

    @torch.no_grad()
    def real(self, outputs: Outputs) -> Seen:
        """Maps of the true pictures."""
        return tuple(self.network(outputs.image))

    def fake(self, outputs: Outputs) -> Seen:
        """Maps of the predictions or composites."""
        return tuple(self.network(outputs.composite if self.composite else outputs.prediction))
