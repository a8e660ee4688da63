"""An inpainter that lets a network lay out the hole, and copies the texture."""

from __future__ import annotations

import copy
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.copying.field import is_deeper
from latent_inpaint.models.copying.texture import LARGEST, copy_texture, halved
from latent_inpaint.models.geometry import check_shapes
from latent_inpaint.models.inpainter import draws
from latent_inpaint.models.membrane import with_membrane
from latent_inpaint.models.parts import part

SMALLEST_CONTEXT, LARGEST_CONTEXT = 64, 256
"""Bounds of the known pixels around a hole, else half its longer side, that patches come from."""
THIN, TILE = 8, 256
"""A hole nowhere deeper is filled tile by tile: what belongs there is near."""
BYTES_PER_POSITION = 2400
"""Of a scale, at most; measured on holes of 600 and 1,500 pixels."""


@part
class CopyingInpainter(nn.Module):
    """`x̂ = copy(x, m, membrane(network(x, m)))`: colours where the network says, texture from the picture.

    A hole wider than the network's scale is laid out in a picture halved as often as is needed: what copying
    takes from the network are blurred colours. A thin one is filled tile by tile, at its own scale.

    Args:
        network: an inpainter, ours or another's.
        depth: pixels from the rim up to which the network lays out a hole in one piece; at least 1.
        colour: see `copy_texture`.
        texture: see `copy_texture`.
        seed: of the random search, the same for every picture.

    Attributes:
        keeps_known: outside the hole its prediction is the picture, so that there is no seam to mend.

    Raises:
        ValueError: a depth below 1, a negative weight.
    """

    keeps_known = True

    def __init__(
        self,
        network: nn.Module,
        depth: int = 48,
        colour: float = 0.25,
        texture: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"depth must be at least 1 pixel, got {depth}")
        for name, value in (("colour", colour), ("texture", texture)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        self.network = network
        self.depth, self.colour, self.texture, self.seed = depth, colour, texture, seed
        self.largest: float = LARGEST

    @property
    def multiple(self) -> bool:
        """Whether the network draws."""
        return draws(self.network)

    def within(self, n_bytes: float) -> CopyingInpainter:
        """The same with no more memory than this beside the network's, for large holes are filled reduced."""
        bounded = copy.copy(self)
        bounded.largest = min(LARGEST, n_bytes / BYTES_PER_POSITION)
        return bounded

    def context_of(self, side: int) -> int:
        """Half the hole's longer side, within bounds: as many known pixels as are to be filled, or more."""
        return max(SMALLEST_CONTEXT, min(side // 2, LARGEST_CONTEXT))

    def forward(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Repaired pictures `[B, 3, H, W]` in [0, 1]; known pixels are the image's, bit for bit.

        Args:
            image: `[B, 3, H, W]` in [0, 1], any size; what is inside the hole does not matter.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: of a network that draws.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        pairs = zip(image.split(1), mask.split(1), strict=True)
        return torch.cat([self._fill_one(*pair, generator) for pair in pairs])

    def _fill_one(self, image: Tensor, mask: Tensor, generator: torch.Generator | None) -> Tensor:
        hole = mask[0, 0] > 0.5
        if not hole.any():
            return image
        estimate = self.laid_out(image, mask, generator)[0].float()
        filled, left = torch.where(hole, estimate, image[0].float()), hole.clone()
        side = max(hole.shape) if is_deeper(hole, THIN) else TILE
        with torch.autocast(image.device.type, enabled=False):
            for top, start in product(range(0, hole.shape[0], side), range(0, hole.shape[1], side)):
                rows, columns = slice(top, top + side), slice(start, start + side)
                if left[rows, columns].any():
                    self._copy_into(filled, left, estimate, rows, columns)
        return torch.where(hole, filled[None].to(image.dtype), image)

    def _copy_into(self, filled: Tensor, left: Tensor, estimate: Tensor, rows: slice, columns: slice) -> None:
        """Fill a tile's part of the hole that is left; what was filled before is known there."""
        top, start = (max(0, part.start - SMALLEST_CONTEXT) for part in (rows, columns))
        below, right = slice(top, rows.stop + SMALLEST_CONTEXT), slice(start, columns.stop + SMALLEST_CONTEXT)
        copied = copy_texture(
            filled[:, below, right],
            left[below, right],
            estimate[:, below, right],
            torch.Generator().manual_seed(self.seed),
            self.colour,
            self.texture,
            self.largest,
        )
        inner = copied[:, rows.start - top : rows.stop - top, columns.start - start : columns.stop - start]
        filled[:, rows, columns] = inner
        left[rows, columns] = False

    def laid_out(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The network's fill, its error on the rim taken away, `[1, 3, H, W]` in [0, 1].

        Args:
            image: `[1, 3, H, W]` in [0, 1].
            mask: `[1, 1, H, W]` in {0, 1}, 1 = hole.
            generator: of a network that draws.
        """
        picture, hole = image[0] * (1 - mask[0]), mask[0, 0] > 0.5
        while min(hole.shape) > 4 * self.depth and is_deeper(hole, self.depth):
            picture, hole = halved(picture, hole)
        small, small_mask = picture[None], hole[None, None].to(mask.dtype)
        drawn = {} if generator is None else {"generator": generator}
        estimate = with_membrane(small, small_mask, self.network(small, small_mask, **drawn).float())
        if small.shape != image.shape:
            size = (image.shape[-2], image.shape[-1])
            estimate = functional.interpolate(estimate, size, mode="bilinear", align_corners=False)
        return torch.where(mask > 0.5, estimate.to(image.dtype), image)
