"""`latent_inpaint.inpaint`: a picture and its hole in, the repaired picture out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.inference.canvas import Canvas, Pixels, open_canvas
from latent_inpaint.inference.device import PRECISIONS, chosen_dtype
from latent_inpaint.inference.loading import load
from latent_inpaint.inference.mask import THRESHOLD, read_hole, warn_about
from latent_inpaint.models.inpainter import LatentInpainter


def inpaint(
    image: Any,
    mask: Any,
    model: LatentInpainter | str | Path | None = None,
    *,
    threshold: float = THRESHOLD,
    invert_mask: bool = False,
    resize_mask: bool = False,
    dilate: int = 0,
    precision: str | None = None,
) -> Any:
    """Repair the hole of a picture; every known pixel comes back bit for bit.

    Args:
        image: numpy `[H, W]` or `[H, W, C]` (uint8, uint16, float in [0, 1]), a PIL image, or torch `[H,
            W]` or `[C, H, W]`; any size; grey or RGB, with or without alpha. Or several: a list of them,
            numpy `[B, H, W, C]`, torch `[B, C, H, W]`.
        mask: the hole, of the picture's height and width: True, 128 or more of 255, or > 0.5 marks a pixel
            to be invented; see `latent_inpaint.inference.mask`. For several pictures as many masks.
        model: what `load` returns, or what it takes; None is the network that comes with the package.
        threshold: smallest value of the mask, of 255, that marks the hole.
        invert_mask: the mask marks what is known instead.
        resize_mask: accept a mask of another size and scale it.
        dilate: pixels by which the hole is grown first.
        precision: `float32` or `bfloat16`; None is what `load` chose.

    Returns:
        The same kind, size and type as `image`.

    Raises:
        TypeError: an image or mask of another kind.
        ValueError: sizes that differ, or shapes, types or options that are not accepted.
    """
    network = model if isinstance(model, LatentInpainter) else _load_once(model)
    dtype = chosen_dtype(network) if precision is None else _dtype(precision)

    def repair(picture: Any, its_mask: Any) -> Any:
        canvas, restore = open_canvas(picture)
        hole = read_hole(its_mask, canvas.size, threshold, invert_mask, resize_mask, dilate)
        warn_about(hole, stacklevel=4)
        if hole.any():
            _fill(canvas, hole, network, dtype)
        return restore(canvas)

    if _is_several(image):
        return _repair_each(repair, image, mask)
    return repair(image, mask)


@torch.inference_mode()
def _fill(canvas: Canvas, hole: Pixels, network: LatentInpainter, dtype: torch.dtype) -> None:
    device = next(network.parameters()).device
    image = canvas.read(canvas.whole).to(device)
    mask = torch.from_numpy(hole).to(device, torch.float32)[None, None]
    with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
        prediction = network(image, mask)
    canvas.write(canvas.whole, prediction[0], hole)


@lru_cache(maxsize=1)
def _load_once(source: str | Path | None) -> LatentInpainter:
    return load(source)


def _dtype(precision: str) -> torch.dtype:
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    return PRECISIONS[precision]


def _is_several(image: Any) -> bool:
    return isinstance(image, (list, tuple)) or (isinstance(image, (np.ndarray, Tensor)) and image.ndim == 4)


def _repair_each(repair: Any, images: Any, masks: Sequence[Any]) -> Any:
    if not isinstance(masks, (list, tuple, np.ndarray, Tensor)) or len(masks) != len(images):
        count = len(masks) if hasattr(masks, "__len__") else type(masks).__name__
        raise ValueError(f"mask: as many masks as pictures are expected, {len(images)}, got {count}")
    results = [repair(image, mask) for image, mask in zip(images, masks)]
    if isinstance(images, Tensor):
        return torch.stack(results)
    return np.stack(results) if isinstance(images, np.ndarray) else results
