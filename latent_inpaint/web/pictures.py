"""What the page does with pictures: opened within limits, shown small, repaired at full size."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from latent_inpaint.inference.files import read_picture, write_picture
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.inference.progress import Progress, silent
from latent_inpaint.pictures.opening import FORMATS, MAX_PIXELS

MAX_UPLOAD_MIB = 100
"""Largest file that the page takes."""
PREVIEW_SIDE = 1024
"""Longest side in pixels of what the browser shows; repaired is the picture itself, at its own size."""


@dataclass(frozen=True)
class Repaired:
    """The picture before and after as the browser shows them, and the file of the result at full size."""

    before: Image.Image
    after: Image.Image
    path: Path


def preview(picture: Image.Image) -> Image.Image:
    """A picture as the browser shows it: RGB or RGBA of 8 bits, reduced to `PREVIEW_SIDE` if it is larger."""
    if picture.mode == "I;16":
        picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    shown = picture.convert("RGBA" if picture.mode in ("LA", "RGBA") else "RGB")
    shown.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    shown.info = {}
    return shown


def painted_hole(layers: Sequence[Image.Image], size: tuple[int, int]) -> Image.Image:
    """What the brush touched, as a mask (L, 255 = hole) of the picture's size.

    Args:
        layers: RGBA, all of one size, which may be smaller than the picture; paint is where alpha is not 0.
        size: width and height of the picture.

    Raises:
        ValueError: nothing is painted.
    """
    touched = [np.asarray(layer.getchannel("A")) > 0 for layer in layers]
    if not any(layer.any() for layer in touched):
        raise ValueError("paint over what is to be replaced first")
    painted = Image.fromarray(np.uint8(255) * np.logical_or.reduce(touched))
    return painted if painted.size == size else painted.resize(size, Image.Resampling.BILINEAR)


def repair(
    upload: str | Path,
    layers: Sequence[Image.Image],
    model: Pipeline,
    folder: str | Path,
    refine: bool = False,
    progress: Progress = silent,
) -> Repaired:
    """Repair an uploaded picture where it was painted on.

    Args:
        upload: its file.
        layers: what was painted, see `painted_hole`.
        model: the network.
        folder: where the result is written, as PNG, in a folder of its own.
        refine: as in `latent_inpaint.inpaint`; False is refined only where memory forces a reduced size.
        progress: called with (stage, done, total).

    Raises:
        ValueError: no picture, one of too many pixels, or nothing painted.
        MemoryError: there is not enough.
    """
    picture = read_picture(upload)
    hole = painted_hole(layers, picture.size)
    result = model.inpaint(picture, hole, refine=refine or None, progress=progress)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{Path(upload).stem}-repaired.png"
    write_picture(result, path)
    return Repaired(preview(picture), preview(result), path)


def limit_pillow() -> None:
    """Make Pillow, in all of this process and for gradio too, open only what `open_picture` does."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses twice as many
    Image.init()
    Image.ID[:] = [name for name in Image.ID if name in FORMATS]
