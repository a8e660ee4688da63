"""What a method is, and the sanity methods that bound every table.

A method is an object with a `name` and one call, `method(image, mask) -> prediction`; the evaluator
composites the prediction into the picture. One that draws says so (`multiple`) and is given a generator for
each picture, so that a picture's result depends on the seed and its name alone. Most methods derive from
`BlindMethod`, which hides the hole before the method sees the picture, so that no method can look at what it
is asked to invent. A method of one's own is a class with a `fill` and a file in `conf/methods` that names it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor

from latent_inpaint.models.geometry import check_shapes


class Method(Protocol):
    """Anything that can stand in a table: a name and a call."""

    name: str

    def __call__(self, image: Tensor, mask: Tensor) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1] for the whole picture.

        A method with `multiple = True` takes a third argument, `generator`, and is called picture by picture.

        Args:
            image: `[B, 3, H, W]` in [0, 1], the true picture; a fair method does not look into the hole.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        """


class BlindMethod(ABC):
    """A method that is never shown the pixels inside the hole.

    Args:
        name: how the method is called in tables.

    Attributes:
        multiple: whether it draws; then `draw` is called in place of `fill`.
    """

    multiple = False

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Prediction for `image`, whose hole is blanked first.

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of everything random, for a method that draws.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        masked_image = image * (1 - mask)
        if generator is None:
            return self.fill(masked_image, mask)
        return self.draw(masked_image, mask, generator)

    @abstractmethod
    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1] from the picture with a black hole."""

    def draw(self, masked_image: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """A prediction of a method that draws; a function of the picture draws nothing."""
        return self.fill(masked_image, mask)

    def card(self) -> dict[str, Any]:
        """What determines the method's results besides its class: JSON values, kept with every row."""
        return {}


class GroundTruth:
    """Sanity row: the picture itself. It has the best value of every metric, or the evaluation has a bug."""

    sees_truth = True

    def __init__(self, name: str = "ground_truth") -> None:
        self.name = name

    def __call__(self, image: Tensor, mask: Tensor) -> Tensor:
        """`image`, hole and all."""
        check_shapes(image, mask)
        return image

    def card(self) -> dict[str, Any]:
        """That this row cannot be compared with the others."""
        return {"sees_truth": True}


class CopyNothing(BlindMethod):
    """Sanity row: the masked picture as it came, the hole black."""

    def __init__(self, name: str = "copy_nothing") -> None:
        super().__init__(name)

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """The input."""
        return masked_image


class GreyFill(BlindMethod):
    """Sanity row: one constant grey in every hole.

    Args:
        value: the grey, in [0, 1].
        name: how the method is called in tables.
    """

    def __init__(self, value: float = 0.5, name: str = "grey") -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"value must lie in [0, 1], got {value}")
        super().__init__(name)
        self.value = value

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """The input with the hole in grey."""
        return masked_image + self.value * mask

    def card(self) -> dict[str, Any]:
        """The grey."""
        return {"value": self.value}


class MeanFill(BlindMethod):
    """Sanity row: the mean colour of the known pixels in the hole (mid-grey where nothing is known)."""

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """The input with the hole in its mean colour."""
        known = (1 - mask).sum(dim=(2, 3), keepdim=True)  # [B, 1, 1, 1]
        mean = masked_image.sum(dim=(2, 3), keepdim=True) / known.clamp(min=1)  # [B, 3, 1, 1]
        mean = torch.where(known > 0, mean, torch.full_like(mean, 0.5))
        return masked_image + mean * mask
