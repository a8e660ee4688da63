"""The inpainting network: `image, mask → guided encoder → latent → refiner → latent → decoder → picture`."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from latent_inpaint.models.autoencoders.ffc import Decoder, Encoder
from latent_inpaint.models.geometry import check_shapes, hole_at_latent, pad_to_multiple
from latent_inpaint.models.guides.base import Guide
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, Refiner


@runtime_checkable
class Inpainter(Protocol):
    """Anything that fills holes: evaluation, the page, export and the service ask for nothing more.

    It may say more of itself: `keeps_known`, that its prediction is the picture outside the hole, so that
    there is no seam to mend; `context_of(side)`, the known pixels it looks at around a hole so long;
    `within(n_bytes)`, itself with no more memory than that, if that can be.
    """

    @property
    def multiple(self) -> bool:
        """Whether it draws, so that another generator gives another fill."""

    def __call__(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1] for the whole picture; `composite` gives the repaired one.

        Args:
            image: `[B, 3, H, W]` in [0, 1]; what is inside the hole does not matter.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of everything random.
        """


@runtime_checkable
class LatentModel(Inpainter, Protocol):
    """An inpainter whose latent can be reached: it fills in windows and can be refined at inference."""

    @property
    def encoder(self) -> Any:
        """A module with `latent_channels`, and `stage_channels`, its widths, finest first."""

    @property
    def refiner(self) -> Any:
        """The module that repairs the latent."""

    @property
    def decoder(self) -> Any:
        """The module that makes a picture of it."""

    @property
    def down_factor(self) -> int:
        """Pixels per latent position and axis."""

    def encode_masked(self, image: Tensor, mask: Tensor) -> Tensor:
        """Latent of the masked picture, `[B, C, h, w]`."""

    def refine(
        self,
        latent: Tensor,
        mask: Tensor | None = None,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """Repaired latent, `[B, C, h, w]`."""

    def decode(self, latent: Tensor) -> Tensor:
        """Picture of a latent, `[B, 3, H, W]` in [0, 1]."""


def composite(image: Tensor, mask: Tensor, prediction: Tensor) -> Tensor:
    """`m ⊙ x̂ + (1 − m) ⊙ x`: the prediction in the hole, the picture itself, bit for bit, elsewhere.

    Args:
        image: `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        prediction: `[B, 3, H, W]` in [0, 1].
    """
    return torch.where(mask > 0.5, prediction.to(image.dtype), image)


def draws(model: object) -> bool:
    """Whether a model says that another generator gives another fill; one that says nothing is a function."""
    return bool(getattr(model, "multiple", False))


def keeps_within(model: object) -> bool:
    """Whether a model can be kept within a memory budget: in windows, or by a setting of its own."""
    return isinstance(model, LatentModel) or hasattr(model, "within")


@part
class LatentInpainter(nn.Module):
    """Inpainting in latent space.

    Args:
        encoder: plain image encoder, `Encoder` or one that offers the same.
        refiner: repairs the latent.
        decoder: latent → image.
        guide: how the mask enters.

    Raises:
        ValueError: encoder and decoder do not fit each other.
    """

    def __init__(self, encoder: Encoder, refiner: Refiner, decoder: Decoder, guide: Guide) -> None:
        super().__init__()
        if encoder.latent_channels != decoder.latent_channels:
            raise ValueError(
                "encoder and decoder must agree on latent_channels, "
                f"got {encoder.latent_channels} and {decoder.latent_channels}"
            )
        self.encoder = encoder
        self.refiner = refiner
        self.decoder = decoder
        self.guide = guide

    @property
    def multiple(self) -> bool:
        """Whether the refiner draws."""
        return self.refiner.multiple

    @property
    def down_factor(self) -> int:
        """Pixels per latent position and axis."""
        return int(self.encoder.down_factor)

    def encode(self, image: Tensor) -> Tensor:
        """Plain latent `E(x)` of whole pictures `[B, 3, H, W]`: nothing guides it."""
        return self.encoder(image)

    def encode_masked(self, image: Tensor, mask: Tensor) -> Tensor:
        """Latent of the masked picture `x ⊙ (1 − m)`, guided by the mask, `[B, C, h, w]`.

        Args:
            image: `[B, 3, H, W]` in [0, 1], H and W multiples of `down_factor`.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        """
        return self.guide(image, mask, self.encoder)

    def condition(self, masked_latent: Tensor, mask: Tensor) -> Condition:
        """What the refiner knows: the masked latent `[B, C, h, w]`, and where it is not the true one."""
        size = (masked_latent.shape[-2], masked_latent.shape[-1])
        return Condition(masked_latent, hole_at_latent(mask, size, self.encoder.receptive_field), mask)

    def refine(
        self,
        latent: Tensor,
        mask: Tensor | None = None,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """Repaired latent, `[B, C, h, w]` → `[B, C, h, w]`.

        Args:
            latent: what `encode_masked` gave.
            mask: `[B, 1, H, W]` in {0, 1}; a refiner that is a function of the latent does without.
            generator: source of everything random.
            steps: network calls of a sampler; None: its own number.
        """
        condition = Condition(latent) if mask is None else self.condition(latent, mask)
        return self.refiner.sample(condition, generator, steps)

    def decode(self, latent: Tensor) -> Tensor:
        """Picture of a latent, `[B, C, h, w]` → `[B, 3, h·down_factor, w·down_factor]` in [0, 1]."""
        return self.decoder(latent)

    def forward(
        self,
        image: Tensor,
        mask: Tensor,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1] for the whole picture; `composite` gives the repaired one.

        Sizes that are no multiple of `down_factor` are padded by mirroring, and cropped again.

        Args:
            image: `[B, 3, H, W]` in [0, 1], any size; what is inside the hole does not matter.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of everything random.
            steps: network calls of a sampler; None: its own number.

        Raises:
            ValueError: shapes that do not fit.
        """
        check_shapes(image, mask)
        height, width = image.shape[-2:]
        padded_image = pad_to_multiple(image, self.down_factor)
        padded_mask = pad_to_multiple(mask, self.down_factor)
        masked_latent = self.encode_masked(padded_image, padded_mask)
        prediction = self.decode(self.refine(masked_latent, padded_mask, generator, steps))
        return prediction[..., :height, :width]
