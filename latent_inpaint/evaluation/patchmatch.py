"""PatchMatch (Barnes et al., 2009): the hole copied together from patches of the known region."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from latent_inpaint.evaluation.classical import Hole, Picture, PictureMethod


class PatchMatch(PictureMethod):
    """PatchMatch by the wheel `pypatchmatch`. Deterministic: every picture starts from the same seed.

    Args:
        patch_size: radius of the compared patches, which span `2·patch_size + 1` pixels.
        seed: seed of the randomised search.
        name: how the method is called in tables.

    Raises:
        ValueError: a patch size below 1.
    """

    def __init__(self, patch_size: int = 3, seed: int = 0, name: str = "patchmatch") -> None:
        super().__init__(name)
        if patch_size < 1:
            raise ValueError(f"patch_size must be at least 1, got {patch_size}")
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
