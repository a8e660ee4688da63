"""PatchMatch (Barnes et al., 2009): the hole copied together from patches of the known region."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from latent_inpaint.evaluation.classical import Hole, Picture, PictureMethod
from latent_inpaint.extras import how_to_install


class PatchMatch(PictureMethod):
    """PatchMatch by the wheel `pypatchmatch`. Deterministic: every picture starts from the same seed.

    Args:
        patch_size: radius of the compared patches, which span `2·patch_size + 1` pixels.
        seed: seed of the randomised search.
        name: how the method is called in tables.

    Raises:
        ImportError: the library is not installed.
        ValueError: a patch size below 1.
    """

    def __init__(self, patch_size: int = 3, seed: int = 0, name: str = "patchmatch") -> None:
        super().__init__(name)
        if patch_size < 1:
            raise ValueError(f"patch_size must be at least 1, got {patch_size}")
        check_installed()
        self.patch_size = patch_size
        self.seed = seed

    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """The hole filled with copies; without any known pixel there is nothing to copy: a ValueError."""
        library = load_patchmatch()
        check_sources(hole)
        library.set_random_seed(self.seed)
        return library.inpaint(picture, hole, patch_size=self.patch_size)

    def card(self) -> dict[str, Any]:
        """Patch size and seed."""
        return {"patch_size": self.patch_size, "seed": self.seed}


def check_installed() -> None:
    """Say at once that the library is missing, and who gets it.

    Raises:
        ImportError: it is not installed; the extra `evaluate` has it on Python 3.11 and newer.
    """
    if find_spec("patchmatch") is not None:
        return
    python = ".".join(platform.python_version_tuple()[:2])
    if sys.version_info < (3, 11):
        raise ImportError(f"needs pypatchmatch, which has no build for Python {python}, only from 3.11 on")
    raise ImportError(f"needs pypatchmatch: {how_to_install('evaluate')}")


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
