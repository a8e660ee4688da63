"""Where the masks of an evaluation come from: one fixed mask per sample."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.data.seeding import Stream, generator_for


class NoMaskError(ValueError):
    """A sample for which there is no sensible mask: it is left out, with a warning."""


class MaskSource(ABC):
    """Gives each evaluation sample its mask."""

    @abstractmethod
    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """The hole of one sample.

        Args:
            index: number of the sample in the evaluation set.
            name: the picture's path relative to the data folder.
            crop: which part of the picture is evaluated.

        Returns:
            bool `[crop.size, crop.size]`, True = hole.

        Raises:
            NoMaskError: the sample is to be left out.
        """

    def prepare(self, pictures: Sequence[str] = ()) -> None:  # noqa: B027 - most have nothing to prepare
        """Does once, before workers start, what all masks need.

        Args:
            pictures: names of those that masks will be asked for, as far as they are known.
        """

    @abstractmethod
    def card(self) -> dict[str, Any]:
        """What makes figures on these masks comparable, for reports; values that JSON can hold."""


def hole_in(masks: MaskSource, index: int, name: str, crop: Crop) -> np.ndarray:
    """The hole of one sample, see `MaskSource.mask`.

    Raises:
        NoMaskError: the sample is to be left out.
        ValueError: the hole is empty, or the whole crop: nothing could be measured.
    """
    hole = masks.mask(index, name, crop)
    if not hole.any() or hole.all():
        what = "the whole crop" if hole.any() else "empty"
        raise ValueError(
            f"{name}: the hole is {what}, in the {crop.size}×{crop.size} pixels at row {crop.top}, column "
            f"{crop.left} of {crop.resized[1]}×{crop.resized[0]} (data.val_short_side reduces pictures first)"
        )
    return hole


@dataclass(frozen=True)
class SeededMasks(MaskSource):
    """Draws the mask of sample `index` with a generator seeded by (seed, index)."""

    generator: MaskGenerator
    seed: int

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises ValueError when the generator's size is not the crop's."""
        mask = self.generator(generator_for(Stream.EVALUATION_MASK, self.seed, index=index))
        if mask.shape != (crop.size, crop.size):
            raise ValueError(f"masks: expected size {crop.size} (data.size), the generator gave {mask.shape}")
        return mask

    def card(self) -> dict[str, Any]:
        """The generator with its parameters, and the seed."""
        return {"masks": repr(self.generator), "seed": self.seed}


def as_mask_source(masks: MaskSource | MaskGenerator, seed: int) -> MaskSource:
    """A generator becomes a source that is seeded per sample; a source stays as it is."""
    return masks if isinstance(masks, MaskSource) else SeededMasks(masks, seed)
