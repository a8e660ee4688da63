"""Random hole masks of the LaMa protocol (Suvorov et al., 2022): wide strokes, boxes and mixtures.

A generator is a small frozen dataclass, called with a `numpy.random.Generator`; it returns a bool array
`[size, size]`, True = hole, and keeps no state. Shape parameters are pixels of a *reference* picture
(256 or 512); a mask of another size is the same drawing, scaled. At the reference size itself the
arithmetic is the original's: integer end points and widths, clipping to 0..size inclusive.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from latent_inpaint.data.context_masks import BlockMasks, CentreMasks, RegionMasks

MaskGenerator = Callable[[np.random.Generator], np.ndarray]

_MAX_SEGMENTS = 5
_MIN_LENGTH, _MIN_WIDTH = 10, 5
_ANGLE_OFFSET = 0.01


@dataclass(frozen=True)
class WideMasks:
    """Polylines drawn with a thick brush ("irregular" masks).

    The number of polylines is uniform in `min_times .. max_times + 1`: the original adds one to the upper
    bound, and the published statistics include it. Each has 1–5 segments; every other one is mirrored.

    Args:
        size: side of the mask in pixels.
        max_length: segments are `10 + U{0 .. max_length − 1}` long, in reference pixels.
        max_width: the brush is `5 + U{0 .. max_width − 1}` wide, in reference pixels.
        min_times: smallest number of polylines.
        max_times: largest number of polylines, less one.
        max_angle: a segment's angle is `0.01 + U{0 .. max_angle − 1}` radians.
        reference: side of the picture in whose pixels the lengths are given.

    Example:
        >>> strokes = WideMasks(64, max_length=200, max_width=100, min_times=1, max_times=5)
        >>> mask = strokes(np.random.default_rng(0))
        >>> mask.shape, mask.dtype
        ((64, 64), dtype('bool'))
    """

    size: int
    max_length: int
    max_width: int
    min_times: int
    max_times: int
    max_angle: int = 4
    reference: int = 256

    def __post_init__(self) -> None:
        _check_size(self.size)
        _check_range("times", self.min_times, self.max_times)
        if min(self.max_length, self.max_width, self.max_angle) < 1:
            raise ValueError(f"max_length, max_width, max_angle: expected at least 1, got {self}")

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        mask = np.zeros((self.size, self.size), np.uint8)
        polylines = int(rng.integers(self.min_times, self.max_times + 1, endpoint=True))
        starts = rng.integers(self.reference, size=(polylines, 2)).tolist()
        counts = rng.integers(1, _MAX_SEGMENTS, size=polylines, endpoint=True)
        steps_x, steps_y, widths = self._draw_segments(rng, counts)
        first = 0
        for start, count in zip(starts, counts.tolist()):
            segments = slice(first, first + count)
            self._draw_polyline(mask, start, steps_x[segments], steps_y[segments], widths[segments])
            first += count
        return mask.view(bool)

    def _draw_segments(self, rng: np.random.Generator, counts: np.ndarray) -> tuple[list, list, list]:
        """Steps in x and y (reference pixels) and brush widths (pixels) of all segments of a mask."""
        total = int(counts.sum())
        angle = _ANGLE_OFFSET + rng.integers(self.max_angle, size=total)
        length = _MIN_LENGTH + rng.integers(self.max_length, size=total)
        width = _MIN_WIDTH + rng.integers(self.max_width, size=total)
        # The mirrored angle 2π − a of the 1st, 3rd, … polyline has the sine −sin a and the same cosine.
        mirror = np.repeat(np.where(np.arange(len(counts)) % 2 == 0, -1.0, 1.0), counts)
        thickness = np.maximum(1, np.rint(width * (self.size / self.reference))).astype(int)
        steps_x, steps_y = mirror * length * np.sin(angle), length * np.cos(angle)
        return steps_x.tolist(), steps_y.tolist(), thickness.tolist()

    def _draw_polyline(
        self, mask: np.ndarray, start: list, steps_x: list, steps_y: list, widths: list
    ) -> None:
        scale, limit = self.size / self.reference, self.reference
        x, y = start
        point = (round(x * scale), round(y * scale))
        for step_x, step_y, width in zip(steps_x, steps_y, widths):
            x = min(max(int(x + step_x), 0), limit)
            y = min(max(int(y + step_y), 0), limit)
            end = (round(x * scale), round(y * scale))
            cv2.line(mask, point, end, 1, width)
            point = end


@dataclass(frozen=True)
class BoxMasks:
    """Axis-parallel rectangles, `min_times .. max_times` of them, at least `margin` away from the border.

    Args:
        size: side of the mask in pixels.
        min_side: shortest side of a rectangle, in reference pixels.
        max_side: longest side, in reference pixels; what does not fit between the margins is cut down.
        margin: distance kept from the picture's border, in reference pixels.
        min_times: smallest number of rectangles.
        max_times: largest number of rectangles.
        reference: side of the picture in whose pixels the lengths are given.

    Example:
        >>> boxes = BoxMasks(64, min_side=40, max_side=80, margin=20, min_times=1, max_times=1)
        >>> mask = boxes(np.random.default_rng(0))
        >>> bool(mask.any()), bool(mask[:5].any())  # the margin is 20 of 256 pixels: 5 of 64
        (True, False)
    """

    size: int
    min_side: int
    max_side: int
    margin: int
    min_times: int
    max_times: int
    reference: int = 256

    def __post_init__(self) -> None:
        _check_size(self.size)
        _check_range("times", self.min_times, self.max_times)
        _check_range("side", self.min_side, min(self.max_side, self.reference - 2 * self.margin))

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        mask = np.zeros((self.size, self.size), bool)
        scale = self.size / self.reference
        for _ in range(int(rng.integers(self.min_times, self.max_times, endpoint=True))):
            left, right = (round(edge * scale) for edge in self._interval(rng))
            top, bottom = (round(edge * scale) for edge in self._interval(rng))
            mask[top:bottom, left:right] = True
        return mask

    def _interval(self, rng: np.random.Generator) -> tuple[int, int]:
        longest = min(self.max_side + 1, self.reference - 2 * self.margin)  # exclusive, as in the original
        side = int(rng.integers(self.min_side, longest))
        start = int(rng.integers(self.margin, self.reference - self.margin - side, endpoint=True))
        return start, start + side


@dataclass(frozen=True)
class MixedMasks:
    """One of several generators, chosen with probability proportional to its weight.

    Example:
        >>> left, right = (lambda rng: np.array([[True, False]])), (lambda rng: np.array([[False, True]]))
        >>> MixedMasks((left, right), weights=(1, 0))(np.random.default_rng(0)).tolist()
        [[True, False]]
    """

    generators: tuple[MaskGenerator, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.generators) != len(self.weights) or not self.generators:
            raise ValueError(f"weights: expected one for each generator, got {self.weights}")
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise ValueError(f"weights: expected non-negative numbers, one above 0, got {self.weights}")

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        edges = np.cumsum(self.weights)
        return self.generators[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))](rng)


@dataclass(frozen=True)
class LimitedMasks:
    """Draws again until the hole covers at most `max_fraction` of the picture.

    Example:
        >>> limited = LimitedMasks(lambda rng: rng.random((16, 16)) < rng.random(), max_fraction=0.2)
        >>> bool(limited(np.random.default_rng(0)).mean() <= 0.2)
        True
    """

    generator: MaskGenerator
    max_fraction: float = 0.5
    max_tries: int = 1000

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        for _ in range(self.max_tries):
            mask = self.generator(rng)
            if np.count_nonzero(mask) <= self.max_fraction * mask.size:
                return mask
        raise RuntimeError(f"no mask below {self.max_fraction} in {self.max_tries} tries by {self.generator}")


def _train(size: int) -> MaskGenerator:
    return MixedMasks((_train_wide(size), _train_box(size)), (0.5, 0.5))


def _train_wide(size: int) -> MaskGenerator:
    return WideMasks(size, max_length=200, max_width=100, min_times=1, max_times=5)


def _train_box(size: int) -> MaskGenerator:
    return BoxMasks(size, min_side=30, max_side=150, margin=10, min_times=1, max_times=4)


def _thin(size: int) -> MaskGenerator:
    if size < 512:
        return LimitedMasks(WideMasks(size, 40, 10, 4, 50))
    return LimitedMasks(WideMasks(size, 100, 20, 4, 70, reference=512))


def _varied(size: int) -> MaskGenerator:
    return MixedMasks((_train(size), _thin(size)), (3.0, 1.0))


def _medium(size: int) -> MaskGenerator:
    if size < 512:
        return _evaluation_mixture(WideMasks(size, 100, 50, 4, 5), BoxMasks(size, 10, 50, 0, 1, 5))
    wide = WideMasks(size, 200, 100, 4, 10, reference=512)
    return _evaluation_mixture(wide, BoxMasks(size, 30, 150, 0, 1, 5, reference=512))


def _thick(size: int) -> MaskGenerator:
    if size < 512:
        return _evaluation_mixture(WideMasks(size, 200, 100, 1, 5), BoxMasks(size, 30, 150, 10, 1, 3))
    wide = WideMasks(size, 450, 250, 1, 5, reference=512)
    return _evaluation_mixture(wide, BoxMasks(size, 30, 300, 10, 1, 4, reference=512))


def _evaluation_mixture(wide: MaskGenerator, box: MaskGenerator) -> MaskGenerator:
    return LimitedMasks(MixedMasks((wide, box), (1.0, 0.3)))


_PRESETS: dict[str, Callable[[int], MaskGenerator]] = {
    "train": _train,
    "varied": _varied,
    "wide": _train_wide,
    "box": _train_box,
    "thin": _thin,
    "medium": _medium,
    "thick": _thick,
    "centre": CentreMasks,
    "block": BlockMasks,
    "region": RegionMasks,
}


def preset(name: str, size: int) -> MaskGenerator:
    """LaMa's generators for training (train, wide, box) and evaluation (thin, medium, thick).

    `varied`, for networks that are to mend scratches, too, is `train` and, one in four, `thin`. `centre`,
    `block` and `region` are the context encoder's.

    The training presets are LaMa's for 256² at every size, scaled. Of the evaluation presets LaMa has two
    sets: sizes below 512 use the one for 256², sizes from 512 on the one for 512², each scaled.

    Args:
        name: train, varied, wide, box, thin, medium, thick, centre, block or region.
        size: side of the masks in pixels.

    Returns:
        `generator(rng)`, which gives a bool array `[size, size]`, True = hole.

    Raises:
        ValueError: for an unknown name or a size below 16.

    Example:
        >>> mask = preset("thick", 128)(np.random.default_rng(0))
        >>> mask.shape, bool(0 < mask.mean() <= 0.5)
        ((128, 128), True)
    """
    if name not in _PRESETS:
        raise ValueError(f"name: expected one of {', '.join(_PRESETS)}, got {name!r}")
    return _PRESETS[name](size)


def _check_size(size: int) -> None:
    if size < 16:
        raise ValueError(f"size: expected at least 16 pixels, got {size}")


def _check_range(what: str, low: int, high: int) -> None:
    if not 1 <= low <= high:
        raise ValueError(f"min_{what}, max_{what}: expected 1 ≤ min ≤ max, got {low} and {high}")
