"""What a mask means: values, colours and alpha of every kind as one hole, or why it is not clear.

Values: `THRESHOLD` and more of the full scale is the hole: 255, for integers above 255 65,535, for floats 1
(or 255, where they are integers above 1). Where nothing reaches it, masks of 0 and one other value, such as
0 and 1, are set where they are not 0. Colours: paint of one colour on black is the hole. Alpha, where it has
a shape: paint on a transparent layer is the hole, or else what was erased: the lesser part.
What could be read in two ways is refused: a photograph, label maps, several colours, alpha against colours.
Any other threshold than `THRESHOLD` is taken literally: brightness (luma) on the type's scale, no alpha.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from latent_inpaint.pictures import LUMA, Pixels
from latent_inpaint.pictures.plain import upright

THRESHOLD = 128
_FEW = 0.001  # this part of the pixels may be anything
_LEVELS = 16  # of more grey levels each may be noise, or an edge
_REGION = 16  # pixels: fewer are noise
_WAY_OUT = "draw the hole white on black, or give threshold (--threshold) another value than 128"


class UnclearMask(ValueError):
    """A mask that could be read in two ways; the message says what was seen."""


@dataclass(frozen=True)
class Reading:
    """A mask as it was understood.

    Attributes:
        hole: bool `[H, W]`, True = hole.
        how: the rule that was used.
        notes: what is unusual, in sentences for a warning.
    """

    hole: Pixels
    how: str
    notes: tuple[str, ...] = ()


def understand(mask: Any, threshold: float = THRESHOLD) -> Reading:
    """The hole of a mask, and how it was found; see the module's rules.

    Args:
        mask: `[H, W]`, `[H, W, C]` as numpy array or PIL image, or `[H, W]`, `[C, H, W]` as torch tensor,
            with 1 to 4 channels; 2 and 4 have alpha. PIL images are turned upright first.
        threshold: in (0, 255].

    Raises:
        TypeError: a mask of another kind.
        ValueError: another shape or type, or a mask that is not clear (`UnclearMask`).

    Example:
        >>> reading = understand(np.array([[0, 1]], np.float32) * 76)
        >>> reading.hole.tolist(), reading.notes
        ([[False, True]], ('its largest value is 76 of 255: what is not 0 is the hole',))
    """
    pixels = _pixels(mask)
    if pixels.dtype == bool:
        hole = pixels[..., 0] if pixels.shape[2] == 1 else pixels.any(axis=2)
        return Reading(np.require(hole, requirements=["C", "W"]), "booleans")  # Pillow's are read-only
    if pixels.dtype.kind not in "uif" or pixels.dtype.itemsize > 8:
        raise ValueError(f"mask must be of integers, floats or booleans, got {pixels.dtype}")
    if threshold != THRESHOLD:
        full = _scale_of_type(pixels)
        return Reading(_luma(pixels) > (threshold - 0.5) / 255 * full, f"brightness above {threshold:g}")
    is_lossy = getattr(mask, "format", None) in ("JPEG", "MPO", "WEBP")
    if pixels.shape[2] in (2, 4):
        reading = _by_alpha(pixels[..., :-1], pixels[..., -1])
        if reading is not None:
            return reading
        pixels = pixels[..., :-1]
    return _by_value(pixels[..., 0], is_lossy) if pixels.shape[2] == 1 else _by_colour(pixels, is_lossy)


def _pixels(mask: Any) -> Pixels:
    """Any mask as `[H, W, C]`; colours of several channels that are all the same stay several."""
    if isinstance(mask, Image.Image):
        array = np.asarray(_plain(upright(mask)))
    elif isinstance(mask, Tensor):
        array = (mask.float() if mask.is_floating_point() else mask).detach().cpu().numpy()
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    elif isinstance(mask, np.ndarray):
        array = mask
    else:
        kind = type(mask).__name__
        raise TypeError(f"mask must be a numpy array, a PIL image or a torch tensor, got {kind}")
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(f"mask must be one picture of 1 to 4 channels, got the shape {list(array.shape)}")
    if array.dtype == bool and array.shape[2] in (2, 4):
        return array * np.uint8(255)
    is_image = isinstance(mask, Image.Image)
    if array.dtype.kind in "iu" and array.shape[2] in (1, 3) and not is_image:
        return array.astype(bool) if array.min() >= 0 and array.max() <= 1 else array
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _plain(image: Image.Image) -> Image.Image:
    """An image as 1, L, LA, RGB, RGBA, I;16, I or F, palettes by their colours."""
    if image.mode == "P":
        _check_palette(image)
    if image.mode.startswith("I") or image.mode == "F":
        return image
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    return image if image.mode in ("1", "L", "RGB") else image.convert("RGB")


def _check_palette(image: Image.Image) -> None:
    used = [index for _, index in image.getcolors() or []]
    colours = image.convert("RGBA").getcolors(256) or []
    if len(used) > 1 and len(colours) == 1:
        raise UnclearMask(f"mask: its palette shows {len(used)} values in one colour; {_WAY_OUT}")


def _by_value(values: Pixels, is_lossy: bool) -> Reading:
    """One channel of integers or floats."""
    levels, counts = _levels(values)
    if not np.isfinite(levels).all() or levels[0] < (-0.001 if values.dtype.kind == "f" else 0):
        seen = "NaN" if np.isnan(levels).any() else f"{levels[0]:g} to {levels[-1]:g}"
        raise UnclearMask(f"mask: its values are {seen}, expected 0 to 255, 0 to 1, or booleans")
    full, top = _scale(values.dtype, levels), levels[-1]
    seen = f"its largest value is {top:g} of {full:g}"
    cut = (THRESHOLD - 0.5) / 255 * full
    if top == 0:
        return Reading(np.zeros(values.shape, bool), "nothing is set")
    if values.dtype.kind != "f" and top == 1:
        return Reading(values == 1, "1 of 0 and 1", ("its values are 0 and 1: 1 is the hole",))
    notes: tuple[str, ...] = ()
    if values.dtype == np.uint16 and full == 255:
        notes = ("its 16-bit values reach no further than 255, which is taken as the full scale",)
    if top > cut:
        return Reading(values > cut, "values", (*notes, *_check_greys(levels / full, counts, is_lossy)))
    if len(levels) == 2 and levels[0] == 0:
        return Reading(values > 0, "what is not 0", (*notes, f"{seen}: what is not 0 is the hole"))
    if len(levels) == 1:
        raise UnclearMask(f"mask: it is {top:g} of {full:g} everywhere, so nothing tells a hole; {_WAY_OUT}")
    raise UnclearMask(f"mask: {seen} (of {len(levels)} values), the threshold is 128; {_WAY_OUT}")


def _check_greys(levels: Pixels, counts: Pixels, is_lossy: bool) -> tuple[str, ...]:
    """Whether greys in [0, 1] leave a doubt: a note, or an error."""
    if len(levels) < 3:
        return ()
    total, is_dark = counts.sum(), (levels > 0) & (levels <= 1 / 8)
    n_grey = counts[(levels > 1 / 8) & (levels < 7 / 8)].sum()
    is_noisy = is_lossy or len(levels) > _LEVELS or ((levels > 15 / 16) & (levels < levels[-1])).any()
    n_dark = 0 if is_noisy else counts[is_dark].sum()
    grey = n_grey / total
    if n_grey > max(_REGION, 0.5 * total):
        raise UnclearMask(
            f"mask: it looks like a picture, not like a mask: {len(levels)} grey levels, {grey:.0%} of it "
            f"neither black nor white; {_WAY_OUT}"
        )
    if n_dark > max(_REGION, 0.02 * total):
        values = ", ".join(f"{level * 255:.3g}" for level in levels[:8])
        raise UnclearMask(f"mask: it looks like a label map, of the values {values} of 255; {_WAY_OUT}")
    if n_grey > max(_REGION, 0.02 * total) or n_dark > max(_REGION, 0.01 * total):
        return (f"{grey + n_dark / total:.1%} of it is grey: of that, 128 of 255 and more is the hole",)
    return ()


def _by_colour(pixels: Pixels, is_lossy: bool) -> Reading:
    """Three channels; greys go by their brightness, paint of one colour on black is the hole."""
    full = _scale(pixels.dtype, np.array([pixels.min(), pixels.max()]))
    brightest = pixels.max(axis=2)
    is_coloured = brightest - pixels.min(axis=2) > full / 4 * min(1, float(brightest.max()) / full)
    if is_coloured.mean() <= _FEW:
        return _by_value(brightest, is_lossy)
    paint, others = _paints(pixels, is_coloured)
    is_bright = brightest > paint.max() / 2  # half of the paint: its edge
    light = float((brightest[~is_coloured] > full / 2).sum()) / brightest.size
    if others or light > _FEW:
        names = ", ".join([_name(paint), *others])
        also = f", and {light:.0%} of it is light" if light > _FEW else ""
        raise UnclearMask(
            f"mask: it has colours ({names}){also}, so it is not clear what is the hole: paint on a copy of "
            f"the picture? {_WAY_OUT}"
        )
    note = f"it is painted in {_name(paint)}: what is not black is the hole"
    return Reading(is_bright, "paint on black", (note,))


def _paints(pixels: Pixels, is_coloured: Pixels) -> tuple[Pixels, list[str]]:
    """The colour `[3]` of most coloured pixels, and the names of others; of a million pixels at most."""
    step = max(1, math.isqrt(is_coloured.size >> 20))
    some = pixels[::step, ::step][is_coloured[::step, ::step]].astype(np.float32)  # [N, 3]
    paint = np.median(some, axis=0)
    some = some[some.max(axis=1) > paint.max() / 2]
    differs = np.abs(some / some.max(axis=1, keepdims=True) - paint / paint.max()).max(axis=1) > 0.5
    names = Counter(map(_name, some[differs][:10_000]))
    return paint, [name for name, _ in names.most_common(3)] if differs.mean() > 0.02 else []


def _name(colour: Pixels) -> str:
    names = ("black", "blue", "green", "cyan", "red", "magenta", "yellow", "white")
    return names[int((colour > colour.max() / 2) @ np.array([4, 2, 1]))]


def _by_alpha(colours: Pixels, alpha: Pixels) -> Reading | None:
    """The hole by the alpha channel; None where that has no shape."""
    full = _scale(alpha.dtype, np.array([alpha.min(), alpha.max()]))
    painted, solid = alpha > full / 16, alpha >= full * 15 / 16
    if float(alpha.max()) - float(alpha.min()) <= full / 16:
        if not painted.any() and np.ptp(colours, axis=(0, 1)).max() > full / 8:
            raise UnclearMask(f"mask: it is transparent everywhere, but its colours have a shape; {_WAY_OUT}")
        return None if painted.any() else Reading(painted, "a transparent layer with nothing on it")
    opacity = float(alpha.mean(dtype=np.float64)) / full
    shown = colours[painted]  # [N, C]
    if np.ptp(shown, axis=0).max() > full / 8:
        bright = _luma(shown[None])[0] > full / 2
        values, counts = _levels(_luma(shown[None])[0])
        extreme = counts[(values < full / 8) | (values > full * 7 / 8)].sum() / counts.sum()
        if extreme > 0.9 and min(bright.mean(), 1 - bright.mean()) > _FEW:
            raise UnclearMask(f"mask: its colours have a shape and its alpha channel another; {_WAY_OUT}")
        return Reading(~solid, "alpha", ("its alpha channel has a shape: what is transparent is the hole",))
    hidden = colours[~painted]
    is_white_on_black = shown.min() > full / 2 and len(hidden) > 0 and hidden.max() < full / 8
    if opacity <= 0.4 or is_white_on_black:
        return Reading(painted, "alpha", ("its alpha channel has a shape: what is painted is the hole",))
    if opacity >= 0.6:
        return Reading(~solid, "alpha", ("its alpha channel has a shape: what is erased is the hole",))
    raise UnclearMask(
        f"mask: {opacity:.0%} of it is painted and the rest transparent: either could be the hole; {_WAY_OUT}"
    )


def _levels(values: Pixels) -> tuple[Pixels, Pixels]:
    """The values that occur, in order, and how often; in blocks, since counting takes memory."""
    if values.dtype not in (np.uint8, np.uint16):
        return np.unique(values, return_counts=True)
    counts = np.zeros(np.iinfo(values.dtype).max + 1, np.int64)
    for block in np.array_split(values.reshape(-1), values.size // 2**20 + 1):
        counts += np.bincount(block, minlength=len(counts))
    levels = np.flatnonzero(counts)
    return levels, counts[levels]


def _scale(kind: np.dtype[Any], levels: Pixels) -> float:
    """The value of full brightness, as the values themselves suggest."""
    top = levels[-1]
    if kind.kind == "f" and top <= 1.001:
        return 1.0
    has_fractions = kind.kind == "f" and len(levels) > 2 and (levels != np.rint(levels)).any()
    if top > 65535 or (has_fractions and top < THRESHOLD):
        raise UnclearMask(f"mask: its largest value is {top:g}, expected 1, 255 or 65535 at most; {_WAY_OUT}")
    return 255.0 if top <= 255 else 65535.0


def _scale_of_type(pixels: Pixels) -> float:
    """The value of full brightness by the type alone, but for floats beyond 1 and wide integers."""
    if pixels.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(pixels.dtype).max)
    return _scale(pixels.dtype, np.array([pixels.min(), pixels.max()]))


def _luma(pixels: Pixels) -> Pixels:
    if pixels.shape[-1] < 3:
        return pixels[..., 0]
    luma = pixels[..., :3].astype(np.float32) @ np.array(LUMA, dtype=np.float32)
    return luma if pixels.dtype.kind == "f" else np.rint(luma).astype(pixels.dtype)
