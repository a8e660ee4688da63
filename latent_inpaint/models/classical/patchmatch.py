"""PatchMatch (Barnes et al., 2009): the hole copied together from patches of the known region."""

from __future__ import annotations

import platform
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from latent_inpaint.extras import how_to_install
from latent_inpaint.models.classical.base import Hole, Picture, PictureInpainter

LARGEST_HOLE, LARGEST_PICTURE = 2**21, 2**24
"""Pixels that are worked on at their full size: some 45 seconds of a core, and 2 GB."""
SMALLEST_CONTEXT, LARGEST_CONTEXT = 64, 256
"""Bounds of the known pixels around a hole, else half its longer side, that patches come from."""


class PatchMatch(PictureInpainter):
    """PatchMatch by the wheel `pypatchmatch`. Deterministic: every picture starts from the same seed.

    Args:
        patch_size: radius of the compared patches, which span `2·patch_size + 1` pixels.
        seed: seed of the randomised search.
        bounded: fill at a reduced size, with a warning, what is larger than `LARGEST_HOLE` or
            `LARGEST_PICTURE` allows.

    Raises:
        ImportError: the library is not installed.
        ValueError: a patch size below 1.
    """

    def __init__(self, patch_size: int = 3, seed: int = 0, bounded: bool = True) -> None:
        super().__init__()
        if patch_size < 1:
            raise ValueError(f"patch_size must be at least 1, got {patch_size}")
        check_installed()
        self.patch_size = patch_size
        self.seed = seed
        self.bounded = bounded

    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """The hole filled with copies; without any known pixel there is nothing to copy: a ValueError."""
        library = load_patchmatch()
        check_sources(hole)
        library.set_random_seed(self.seed)

        def copied(picture: Picture, hole: Hole) -> Picture:
            return library.inpaint(picture, hole, patch_size=self.patch_size)

        factor = _reduction(hole) if self.bounded else 1
        return copied(picture, hole) if factor == 1 else _at_reduced_size(copied, picture, hole, factor)

    def context_of(self, side: int) -> int:
        """Half the hole's longer side, within bounds: as many known pixels as are to be filled, or more."""
        return max(SMALLEST_CONTEXT, min(side // 2, LARGEST_CONTEXT))

    def settings(self) -> dict[str, Any]:
        """Patch size and seed."""
        return {"patch_size": self.patch_size, "seed": self.seed}


def _reduction(hole: Hole) -> int:
    """By which power of two both sides are to be divided for the work to stay within its bounds."""
    factor = 1
    while hole.sum() > LARGEST_HOLE * factor**2 or hole.size > LARGEST_PICTURE * factor**2:
        factor *= 2
    return factor


def _at_reduced_size(
    fill: Callable[[Picture, Hole], Picture], picture: Picture, hole: Hole, factor: int
) -> Picture:
    """Fill a picture of means of `factor`² pixels, known only if all of them are, and enlarge it."""
    height, width = hole.shape
    warnings.warn(
        f"PatchMatch: a hole of {hole.sum() / 1e6:.1f} million pixels in a crop of {width}×{height} is "
        f"filled at 1/{factor} of its size; smaller holes keep their sharpness",
        stacklevel=2,
    )
    small = np.asarray(Image.fromarray(picture).reduce(factor))
    touched = np.asarray(Image.fromarray(hole.astype(np.float32)).reduce(factor)) > 0
    check_sources(touched)
    filled = Image.fromarray(fill(np.ascontiguousarray(small), touched))
    sides = (filled.width * factor, filled.height * factor)
    large = np.asarray(filled.resize(sides, Image.Resampling.BICUBIC))[:height, :width]
    return np.where(hole[..., None], large, picture)


def check_installed() -> None:
    """Say at once that the library is missing, and who gets it.

    Raises:
        ImportError: it is not installed; the extra `classical` has it on Python 3.11 and newer.
    """
    if find_spec("patchmatch") is not None:
        return
    python = ".".join(platform.python_version_tuple()[:2])
    if sys.version_info < (3, 11):
        raise ImportError(
            f"PatchMatch needs pypatchmatch, which has no build for Python {python}, only from 3.11 on"
        )
    raise ImportError(f"PatchMatch needs pypatchmatch: {how_to_install('classical')}")


def load_patchmatch() -> ModuleType:
    """The module `patchmatch`.

    Raises:
        RuntimeError: its compiled library does not load on this machine.
    """
    import patchmatch

    if not patchmatch.patchmatch_available:
        raise RuntimeError(
            "PatchMatch's compiled library does not load: "
            "reinstall its wheel with `pip install --force-reinstall pypatchmatch`"
        )
    return patchmatch


def check_sources(hole: Hole) -> None:
    """Raise a ValueError where the hole covers the picture: there is nothing to copy from."""
    if hole.all():
        raise ValueError("mask must leave known pixels for PatchMatch to copy, got an all-hole mask")
