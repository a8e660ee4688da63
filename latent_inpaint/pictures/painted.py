"""Paint on a copy of the picture, read as a mask: what differs from the picture, if it is of one colour."""

from __future__ import annotations

import numpy as np

from latent_inpaint.pictures import Pixels

_CHANGED = 48  # of 255; below it is what JPEG does to a copy
_SAME = 24
_LARGEST = 0.8


def painted_over(picture: Pixels, copy: Pixels) -> Pixels | None:
    """The hole that was painted in one opaque colour on a copy of the picture, bool `[H, W]`.

    None where the copy is another picture (what differs is not of one colour), or nothing differs.

    Args:
        picture: uint8 `[H, W, 3]`.
        copy: uint8 `[H, W, 3]`.

    Example:
        >>> picture = np.full((4, 4, 3), 90, np.uint8)
        >>> copy = picture.copy()
        >>> copy[1:3, 1:3] = (255, 0, 0)
        >>> int(painted_over(picture, copy).sum())
        4
    """
    if picture.shape != copy.shape:
        return None
    difference = np.abs(picture.astype(np.int16) - copy).max(axis=2)
    changed = difference > _CHANGED
    if not 0 < changed.mean() < _LARGEST:
        return None
    colour = np.median(copy[changed], axis=0)
    is_paint = np.abs(copy - colour).max(axis=2) < _CHANGED
    if is_paint[changed].mean() < 0.85 or (difference[~changed] > _SAME).mean() > 0.02:
        return None
    hole: Pixels = changed | (is_paint & (difference > _SAME))
    return hole
