"""The hole of a mask of any kind, of the picture's size: read, inverted, scaled, grown, and doubted aloud."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from PIL import Image

from latent_inpaint.pictures import Pixels
from latent_inpaint.pictures.masks import THRESHOLD, Reading, UnclearMask, understand
from latent_inpaint.pictures.painted import painted_over
from latent_inpaint.pictures.plain import upright

LARGE_HOLE = 0.9


class MaskWarning(UserWarning):
    """The mask is usable, but probably not what was meant."""


def read_hole(
    mask: Any,
    size: tuple[int, int],
    threshold: float = THRESHOLD,
    invert: bool = False,
    resize: bool = False,
    dilate: int = 0,
    picture: Pixels | None = None,
) -> Pixels:
    """The hole as a bool array of the picture's size.

    Args:
        mask: `[H, W]`, `[H, W, C]` as numpy array or PIL image, or `[H, W]`, `[C, H, W]` as torch tensor.
        size: height and width of the picture.
        threshold: in (0, 255]; see `latent_inpaint.pictures.masks`, whose notes become warnings.
        invert: the mask is set where the picture is known.
        resize: scale a mask of another size (nearest neighbour).
        dilate: pixels by which the hole grows on every side.
        picture: `[H, W, C]`; a mask that is a copy of it with paint of one colour is understood.

    Raises:
        TypeError: a mask of another kind.
        ValueError: a mask of another size (both are named), shape or type, one that could be read in two
            ways, or an option out of its range.
    """
    check_mask_options(threshold, dilate)
    try:
        reading = understand(mask, threshold)
    except UnclearMask:
        painted = None if picture is None else _painted_on_copy(mask, picture)
        if painted is None:
            raise
        note = "it is a copy of the picture with paint on it: what is painted is the hole"
        reading = Reading(painted, "paint on a copy", (note,))
    for note in reading.notes:
        warnings.warn(f"mask: {note}", MaskWarning, stacklevel=2)
    hole = ~reading.hole if invert else reading.hole
    if hole.shape != size:
        sizes = f"mask is {hole.shape[1]}×{hole.shape[0]} pixels, the image {size[1]}×{size[0]}"
        if hole.shape == size[::-1]:
            raise ValueError(f"{sizes}: pictures are turned as their EXIF says; turn the mask likewise")
        if not resize:
            raise ValueError(f"{sizes}; resize_mask=True (--resize-mask) scales the mask")
        resized = Image.fromarray(hole.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
        hole = np.asarray(resized).astype(bool)
    return grow(hole, dilate)


def check_mask_options(threshold: float, dilate: int) -> None:
    """Whether `read_hole` takes these.

    Raises:
        ValueError: one is out of its range.
    """
    if not 0 < threshold <= 255:
        raise ValueError(f"threshold must lie in (0, 255], got {threshold}")
    if dilate < 0:
        raise ValueError(f"dilate must be at least 0, got {dilate}")


def grow(hole: Pixels, radius: int) -> Pixels:
    """The hole grown by `radius` pixels on every side (a square structuring element), bool `[H, W]`."""
    for axis in (0, 1):
        reach = 0
        while reach < radius:
            step = min(reach + 1, radius - reach)  # at the border a run of holes is no longer than reach + 1
            hole = _or_shifted(hole, step, axis)
            reach += step
    return hole


def warn_about(hole: Pixels, stacklevel: int = 2) -> None:
    """Warn about an empty, a nearly full, and a probably inverted hole."""
    fraction = float(hole.mean())
    border = np.concatenate([hole[0], hole[-1], hole[:, 0], hole[:, -1]])
    if fraction == 0:
        message = "mask: there is no hole; the picture is returned as it is"
    elif fraction == 1:
        message = "mask: the hole is the whole picture; nothing is known, all is invented"
    elif fraction > LARGE_HOLE:
        message = (
            f"mask: the hole is {fraction:.0%} of the picture; is it inverted? (invert_mask, --invert-mask)"
        )
    elif fraction > 0.5 and border.mean() > LARGE_HOLE:
        message = "mask: the hole surrounds what is known; is it inverted? (invert_mask, --invert-mask)"
    else:
        return
    warnings.warn(message, MaskWarning, stacklevel=stacklevel + 1)


def _or_shifted(hole: Pixels, step: int, axis: int) -> Pixels:
    grown = hole.copy()
    rows, source = np.moveaxis(grown, axis, 0), np.moveaxis(hole, axis, 0)
    rows[step:] |= source[:-step]
    rows[:-step] |= source[step:]
    return grown


def _painted_on_copy(mask: Any, picture: Pixels) -> Pixels | None:
    """The paint, where the mask is of 8 bits and is a picture of Pillow's or numpy's."""
    if isinstance(mask, Image.Image):
        mask = np.asarray(upright(mask).convert("RGB"))
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if not isinstance(mask, np.ndarray) or {mask.dtype, picture.dtype} != {np.dtype(np.uint8)}:
        return None
    colours = picture[..., :3] if picture.shape[2] >= 3 else picture[..., :1].repeat(3, axis=2)
    return painted_over(colours, mask[..., :3]) if mask.ndim == 3 else None
