"""Inpainters without weights, by name: real texture for whoever has no network."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from latent_inpaint.models.classical.base import PictureInpainter
from latent_inpaint.models.classical.opencv import NavierStokes, Telea
from latent_inpaint.models.classical.patchmatch import PatchMatch

CLASSICAL: dict[str, Callable[[], PictureInpainter]] = {
    "patchmatch": PatchMatch,
    "telea": Telea,
    "navier_stokes": NavierStokes,
}
"""What `latent_inpaint.load` takes in place of a path."""

__all__ = ["CLASSICAL", "NavierStokes", "PatchMatch", "PictureInpainter", "Telea", "installed"]


def installed() -> list[str]:
    """The names whose libraries are there."""
    return [name for name in CLASSICAL if find_spec("patchmatch" if name == "patchmatch" else "cv2")]
