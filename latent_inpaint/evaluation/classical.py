"""Methods without a network: OpenCV's two, and PatchMatch. They work picture by picture, on 8-bit pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latent_inpaint.evaluation.methods import BlindMethod

T = TypeVar("T")
R = TypeVar("R")
Picture = NDArray[np.uint8]  # [H, W, 3] RGB
Hole = NDArray[np.bool_]  # [H, W], True = hole


def to_picture(image: Tensor) -> Picture:
    """`[3, H, W]` in [0, 1] → 8-bit `[H, W, 3]`, rounded to the nearest level."""
    levels = (image.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def from_picture(picture: Picture, like: Tensor) -> Tensor:
    """8-bit `[H, W, 3]` → `[3, H, W]` in [0, 1], of the type and device of `like`."""
    return torch.from_numpy(np.ascontiguousarray(picture)).to(like).permute(2, 0, 1) / 255


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`work` on each item, in as many threads as torch uses: compiled libraries let others run meanwhile."""
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(items)))) as pool:
        return list(pool.map(work, items))


class PictureMethod(BlindMethod):
    """A method that takes one 8-bit picture at a time. Pictures without a hole come back as they are."""

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """Fill each picture of the batch."""
        return torch.stack(in_threads(self._fill_one, list(zip(masked_image, mask))))

    def _fill_one(self, sample: tuple[Tensor, Tensor]) -> Tensor:
        masked_image, mask = sample
        hole = mask[0].cpu().numpy() > 0.5
        if not hole.any():
            return masked_image
        return from_picture(self.fill_picture(to_picture(masked_image), hole), masked_image)

    @abstractmethod
    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """Filled picture, 8-bit `[H, W, 3]`, from one with a black hole and the hole, bool `[H, W]`."""


class Telea(PictureMethod):
    """Fast marching inpainting of Telea (2004), by OpenCV.

    Args:
        radius: neighbourhood that each pixel is computed from, in pixels.
        name: how the method is called in tables.
    """

    def __init__(self, radius: float = 3.0, name: str = "telea") -> None:
        super().__init__(name)
        self.radius = _positive("radius", radius)

    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """The hole grown shut from its border."""
        import cv2

        return np.asarray(
            cv2.inpaint(picture, hole.astype(np.uint8), self.radius, cv2.INPAINT_TELEA), np.uint8
        )

    def card(self) -> dict[str, Any]:
        """The radius."""
        return {"radius": self.radius}


class NavierStokes(PictureMethod):
    """Inpainting by fluid dynamics of Bertalmio, Bertozzi and Sapiro (2001), by OpenCV.

    Args:
        radius: neighbourhood that each pixel is computed from, in pixels.
        name: how the method is called in tables.
    """

    def __init__(self, radius: float = 3.0, name: str = "navier_stokes") -> None:
        super().__init__(name)
        self.radius = _positive("radius", radius)

    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """The hole with its border's isophotes continued."""
        import cv2

        return np.asarray(cv2.inpaint(picture, hole.astype(np.uint8), self.radius, cv2.INPAINT_NS), np.uint8)

    def card(self) -> dict[str, Any]:
        """The radius."""
        return {"radius": self.radius}


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value}")
    return float(value)
