"""Lazy outputs of one training step: a loss asks for what it needs, and only that is computed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from latent_inpaint.models.geometry import check_shapes
from latent_inpaint.models.inpainter import LatentInpainter, composite
from latent_inpaint.models.refiners.base import Condition, Refined
from latent_inpaint.spaces import Seen, Space


class _Looked:
    """Keeps what spaces show."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returned when it was first asked for under this key."""
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    def real(self, space: Space) -> Seen:
        """What a space shows of the truth, without gradient."""
        with torch.no_grad():
            return self.kept(("real", space.key), lambda: space.real(cast(Any, self)))

    def fake(self, space: Space) -> Seen:
        """What a space shows of the network's work, with gradients."""
        return self.kept(("fake", space.key), lambda: space.fake(cast(Any, self)))


class Reconstruction(_Looked):
    """What the autoencoder makes of a batch.

    Args:
        image: the pictures, `[B, 3, H, W]` in [0, 1].
        mask: their holes, `[B, 1, H, W]`, for terms that weigh them.
        prediction: what the decoder gave, `[B, 3, H, W]` in [0, 1].
    """

    def __init__(self, image: Tensor, mask: Tensor, prediction: Tensor) -> None:
        super().__init__()
        self.image, self.mask, self.prediction = image, mask, prediction


class InpaintingOutputs(_Looked):
    """What the network makes of a batch, each part computed when first asked for, and kept.

    When no term of the objective looks at pixels, nobody asks for `prediction` and the decoder is not run.

    Args:
        model: the network.
        image: true pictures, `[B, 3, H, W]` in [0, 1], H and W multiples of the network's `down_factor`.
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        generator: source of everything random in the step.
        source: what is filled, `[B, 3, H, W]`, where that is not the truth with a hole.
        latents: what a cache has of them, see `Batch`.

    Raises:
        ValueError: shapes that do not fit.
    """

    def __init__(
        self,
        model: LatentInpainter,
        image: Tensor,
        mask: Tensor,
        generator: torch.Generator | None = None,
        source: Tensor | None = None,
        latents: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        check_shapes(image, mask)
        factor = getattr(model, "down_factor", 1)
        if image.shape[-2] % factor or image.shape[-1] % factor:
            raise ValueError(
                f"image: height and width must be multiples of {factor}, got {list(image.shape[-2:])}"
            )
        self.model = model
        self.image = image
        self.source = image if source is None else source
        self.mask = mask
        self.generator = generator
        self._cached = latents or {}

    @cached_property
    def masked_latent(self) -> Tensor:
        """`E(x ⊙ (1 − m))`, guided by the mask, `[B, C, h, w]`."""
        if "masked" in self._cached:
            return self._cached["masked"]
        return self.model.encode_masked(self.source, self.mask)

    @cached_property
    def condition(self) -> Condition:
        """What the refiner knows."""
        return self.model.condition(self.masked_latent, self.mask)

    @cached_property
    def refined(self) -> Refined:
        """What the refiner makes of it; one that is a function does without the target."""
        refiner = self.model.refiner
        target = self.target_latent if refiner.learns_from_target else None
        return refiner.training_output(self.condition, target, self.generator)

    @property
    def latent(self) -> Tensor:
        """Repaired latent, or a sampler's clean estimate, `[B, C, h, w]`."""
        return self.refined.latent

    @cached_property
    def target_latent(self) -> Tensor:
        """The true picture's latent `E(x)` by the plain encoder, without gradient, `[B, C, h, w]`."""
        if "target" in self._cached:
            return self._cached["target"]
        with torch.no_grad():
            return self.model.encode(self.image)

    @cached_property
    def prediction(self) -> Tensor:
        """`D(latent)`, `[B, 3, H, W]` in [0, 1]; what a network without a latent gives."""
        if hasattr(self.model, "decode"):
            return self.model.decode(self.latent)
        return self.model(self.source, self.mask, self.generator)

    @cached_property
    def composite(self) -> Tensor:
        """Prediction in the hole, the picture elsewhere, `[B, 3, H, W]` in [0, 1]."""
        return composite(self.source, self.mask, self.prediction)

    def decoder_features(
        self, blocks: Sequence[int], of_target: bool, checkpointing: bool = False
    ) -> list[Tensor]:
        """The frozen decoder's features after chosen blocks; no block deeper than the deepest of them runs.

        Args:
            blocks: numbers of blocks, ascending, counted from the latent.
            of_target: of the true latent instead of the repaired one.
            checkpointing: keep only the blocks' inputs for the backward pass, and run each block again in it.

        Raises:
            ValueError: a block does not exist, or the decoder is not frozen.
        """
        decoder = self.model.decoder
        layers = list(decoder.ups)
        if blocks[-1] >= len(layers):
            raise ValueError(f"blocks must be in 0..{len(layers) - 1}, the decoder's, got {list(blocks)}")
        if decoder.training or any(p.requires_grad for p in decoder.parameters()):
            raise ValueError("decoder must be frozen (eval mode, no gradients): its features are compared")
        x = self.target_latent if of_target else self.latent
        features = []
        for index in range(blocks[-1] + 1):
            x = self.kept(("decoder", of_target, index), partial(_run, layers[index], x, checkpointing))
            features.append(x)
        return [features[index] for index in blocks]


def _run(block: nn.Module, x: Tensor, checkpointing: bool) -> Tensor:
    return checkpoint(block, x, use_reentrant=False) if checkpointing and x.requires_grad else block(x)
