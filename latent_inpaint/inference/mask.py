"""Masks of every kind as one: a bool array, True in the hole.

The rule: a value v of a full scale of 255 belongs to the hole where v > threshold − ½, so 128 and more by
default. 16-bit values are divided by 257 first, floats in [0, 1] multiplied by 255 (so > 0.5). Booleans are
what they say, and so are arrays and tensors of integers that hold nothing but 0 and 1. Colours are reduced
to their luma, alpha is ignored. PIL images are turned upright first, as their own EXIF orientation says.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from latent_inpaint.inference.canvas import LUMA, Pixels
from latent_inpaint.inference.plain import is_sixteen_bit, upright

THRESHOLD = 128
LARGE_HOLE = 0.9
_TO_255 = {"uint8": 1.0, "int32": 1.0, "int64": 1.0, "uint16": 1 / 257} | dict.fromkeys(
    ("float16", "float32", "float64"), 255.0
)


class MaskWarning(UserWarning):
    """The mask is usable, but probably not what was meant."""


def read_hole(
    mask: Any,
    size: tuple[int, int],
    threshold: float = THRESHOLD,
    invert: bool = False,
    resize: bool = False,
    dilate: int = 0,
) -> Pixels:
    """The hole as a bool array of the picture's size.

    Args:
        mask: `[H, W]`, `[H, W, C]` as numpy array or PIL image, or `[H, W]`, `[C, H, W]` as torch tensor.
        size: height and width of the picture.
        threshold: in (0, 255]; see the module's rule.
        invert: the mask is set where the picture is known.
        resize: scale a mask of another size (nearest neighbour).
        dilate: pixels by which the hole grows on every side.

    Raises:
        TypeError: a mask of another kind.
        ValueError: a mask of another size (both are named), shape or type, or an option out of its range.
    """
    check_mask_options(threshold, dilate)
    hole = _threshold(_as_array(mask), threshold)
    if invert:
        hole = ~hole
    if hole.shape != size:
        if not resize:
            raise ValueError(
                f"mask is {hole.shape[1]}×{hole.shape[0]} pixels, the image {size[1]}×{size[0]}; "
                "resize_mask=True (--resize-mask) scales the mask"
            )
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
            step = min(2 * reach + 1, radius - reach)
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


def _as_array(mask: Any) -> Pixels:
    if isinstance(mask, Image.Image):
        mask = upright(mask)
        is_kept = mask.mode in ("1", "L") or is_sixteen_bit(mask)
        return np.asarray(mask if is_kept else mask.convert("L"))
    if isinstance(mask, Tensor):
        array = (mask.float() if mask.is_floating_point() else mask).detach().cpu().numpy()
        return _as_array(array.transpose(1, 2, 0) if array.ndim == 3 else array)
    if isinstance(mask, np.ndarray):
        array = _single_channel(mask)
        is_binary = array.dtype.kind in "iu" and array.size > 0 and array.min() == 0 and array.max() == 1
        return array.astype(bool) if is_binary else array
    raise TypeError(f"mask must be a numpy array, a PIL image or a torch tensor, got {type(mask).__name__}")


def _single_channel(array: Pixels) -> Pixels:
    if array.ndim == 2:
        return array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise ValueError(f"mask must be one picture of 1 to 4 channels, got the shape {list(array.shape)}")
    if array.shape[2] < 3 or array.dtype == bool:
        return array[..., 0]
    luma = array[..., :3].astype(np.float32) @ np.array(LUMA, dtype=np.float32)
    return luma if array.dtype.kind == "f" else np.rint(luma).astype(array.dtype)


def _threshold(array: Pixels, threshold: float) -> Pixels:
    if array.dtype == bool:
        return np.require(array, requirements=["C", "W"])  # as torch wants it; Pillow's are read-only
    if array.dtype.name not in _TO_255:
        raise ValueError(f"mask must be of type bool, {', '.join(_TO_255)}, got {array.dtype}")
    return array > (threshold - 0.5) / _TO_255[array.dtype.name]


def _or_shifted(hole: Pixels, step: int, axis: int) -> Pixels:
    grown = hole.copy()
    rows, source = np.moveaxis(grown, axis, 0), np.moveaxis(hole, axis, 0)
    rows[step:] |= source[:-step]
    rows[:-step] |= source[step:]
    return grown
