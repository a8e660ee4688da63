"""What inpainters without weights have in common: they fill one 8-bit picture at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latent_inpaint.models.geometry import check_shapes

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
    if len(items) == 1:
        return [work(items[0])]
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(items)))) as pool:
        return list(pool.map(work, items))


class PictureInpainter(nn.Module):
    """An inpainter that takes one 8-bit picture at a time; a function, without weights.

    Attributes:
        multiple: it does not draw.
        keeps_known: outside the hole its prediction is the picture, so that there is no seam to mend.
    """

    multiple = False
    keeps_known = True

    def forward(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1]. Pictures without a hole come back as they are.

        Args:
            image: `[B, 3, H, W]` in [0, 1], taken as 8 bits; what is inside the hole does not matter.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: not needed.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        return torch.stack(in_threads(self._fill_one, list(zip(image * (1 - mask), mask))))

    def _fill_one(self, sample: tuple[Tensor, Tensor]) -> Tensor:
        masked_image, mask = sample
        hole = mask[0].cpu().numpy() > 0.5
        if not hole.any():
            return masked_image
        return from_picture(self.fill_picture(to_picture(masked_image), hole), masked_image)

    @abstractmethod
    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """Filled picture, 8-bit `[H, W, 3]`, from one with a black hole and the hole, bool `[H, W]`."""

    @abstractmethod
    def context_of(self, side: int) -> int:
        """Known pixels to look at on every side of a hole whose longer side has `side` pixels."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What determines its results: JSON values."""
