"""A picture and its hole at half the size, and back: the scales of Kulshreshtha et al. (2022)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.inference.canvas import Box, Canvas, Pixels

_CHUNK_PIXELS = 2**19
"""Pixels that are halved at once, in whole rows."""
_HALO = 4
"""Rows around a chunk that its filter sees; an even number."""


def build_pyramid(canvas: Canvas, hole: Pixels, box: Box, n_halvings: int) -> list[tuple[Canvas, Pixels]]:
    """A crop and its hole at full size, half of it and so on, the smallest last.

    The crop is first extended to multiples of 2^n by repeating its edge (below and to the right).
    """
    multiple = 2**n_halvings
    sides = (box.bottom - box.top, box.right - box.left)
    padding = [(0, -side % multiple) for side in sides]
    crop, crop_hole = canvas.source[box.slices], hole[box.slices]
    if any(after for _, after in padding):
        crop = np.pad(crop, [*padding, (0, 0)], mode="edge")
        crop_hole = np.pad(crop_hole, padding, mode="edge")
    levels = [(Canvas(crop), crop_hole)]
    for _ in range(n_halvings):
        levels.append(_half(*levels[-1]))
    return levels


def halve(x: Tensor) -> Tensor:
    """`[B, C, H, W]` blurred by a 5×5 Gaussian (σ = 1) and halved by bilinear interpolation; H and W even."""
    return _half_size(_blur(x))


def halve_hole(hole: Tensor) -> Tensor:
    """Mask in {0, 1}, `[B, 1, H, W]`, halved and rounded down: 1 where all pixels are 1."""
    return (_half_size(hole) >= 1 - 1e-6).to(hole.dtype)


def double(x: Tensor) -> Tensor:
    """`[B, C, H, W]` → `[B, C, 2H, 2W]`, bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _half(canvas: Canvas, hole: Pixels) -> tuple[Canvas, Pixels]:
    height, width = canvas.size
    small = np.empty((height // 2, width // 2, 3), dtype=np.float32)
    small_hole = np.empty((height // 2, width // 2), dtype=bool)
    for top, bottom in _chunks(height, width):
        box = Box(max(0, top - _HALO), 0, min(height, bottom + _HALO), width)
        kept = slice((top - box.top) // 2, (bottom - box.top) // 2)
        half = halve(canvas.read(box))[0, :, kept].clamp(0, 1)
        small[top // 2 : bottom // 2] = half.permute(1, 2, 0).numpy()
        touched = torch.from_numpy(hole[box.slices]).float()[None, None]
        small_hole[top // 2 : bottom // 2] = (halve(touched)[0, 0, kept] > 1e-6).numpy()
    return Canvas(small), small_hole


def _chunks(height: int, width: int) -> Iterator[tuple[int, int]]:
    rows = 2 * max(1, _CHUNK_PIXELS // width // 2)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _half_size(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)


def _blur(x: Tensor) -> Tensor:
    positions = torch.arange(-2, 3, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-(positions**2) / 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 1, -1)
    x = functional.pad(x, (2, 2, 2, 2), mode="reflect")
    x = functional.conv2d(x, kernel, groups=x.shape[1])
    return functional.conv2d(x, kernel.transpose(2, 3), groups=x.shape[1])
