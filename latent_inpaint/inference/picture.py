"""`latent_inpaint.inpaint`: a picture and its hole in, the repaired picture out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.inference.canvas import open_canvas
from latent_inpaint.inference.device import PRECISIONS, chosen_dtype
from latent_inpaint.inference.fill import FillOptions, fill
from latent_inpaint.inference.loading import load
from latent_inpaint.inference.mask import THRESHOLD, check_mask_options, read_hole, warn_about
from latent_inpaint.inference.memory import budget_for
from latent_inpaint.inference.progress import Progress, as_progress
from latent_inpaint.inference.refinement import RefinementOptions
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
    region_of_interest: bool = True,
    context: int | None = None,
    feather: int | None = None,
    refine: bool | RefinementOptions | None = None,
    memory_budget: int | float | str | None = None,
    precision: str | None = None,
    progress: bool | Progress = False,
) -> Any:
    """Repair the hole of a picture; every known pixel comes back bit for bit.

    Args:
        image: numpy `[H, W]` or `[H, W, C]` (uint8, uint16, float in [0, 1]), a PIL image, or torch `[H,
            W]` or `[C, H, W]`; any size; grey or RGB, with or without alpha. Or several: a list of them,
            numpy `[B, H, W, C]`, torch `[B, C, H, W]`. PIL images, masks too, are turned upright first where
            their EXIF says that they lie.
        mask: the hole, of the (upright) picture's height and width: True, 128 or more of 255, or > 0.5
            marks a pixel to be invented; see `latent_inpaint.inference.mask`. For several pictures as many
            masks.
        model: what `load` returns, or what it takes; None is the network that comes with the package.
        threshold: smallest value of the mask, of 255, that marks the hole.
        invert_mask: the mask marks what is known instead.
        resize_mask: accept a mask of another size and scale it.
        dilate: pixels by which the hole is grown first.
        region_of_interest: fill each group of holes from a crop around it, not from the whole picture.
        context: known pixels around a group; None is a fifth of its longer side, 64 to 128.
        feather: pixels over which a prediction is bent towards the known pixels at the hole's edge; None is 8
            for what is pasted as a crop, 0 for whole pictures.
        refine: optimise the latent so that large holes keep their structure (slow): True, or
            `latent_inpaint.inference.refinement.RefinementOptions`; None only where memory forces
            a reduced size.
        memory_budget: bytes for the network's activations, such as `"1.5GiB"`; larger holes are filled at a
            reduced size first. None is 80 % of the free memory.
        precision: `float32` or `bfloat16`; None is what `load` chose.
        progress: show a progress bar, or a function called with (stage, done, total).

    Returns:
        The same kind, size and type as `image`; PIL images upright, with an EXIF that says so.

    Raises:
        TypeError: an image or mask of another kind.
        ValueError: sizes that differ, or shapes, types or options that are not accepted.
        MemoryError: there is not enough memory; the message says which setting to try.
    """
    network = model if isinstance(model, LatentInpainter) else _load_once(model)
    device = next(network.parameters()).device
    options = FillOptions(
        region_of_interest=region_of_interest,
        context=context,
        feather=feather,
        refine=isinstance(refine, RefinementOptions) or refine,
        refinement=refine if isinstance(refine, RefinementOptions) else RefinementOptions(),
        budget=budget_for(device, memory_budget),
        dtype=chosen_dtype(network) if precision is None else _dtype(precision),
        progress=as_progress(progress),
    )

    def repair(picture: Any, its_mask: Any) -> Any:
        canvas, restore = open_canvas(picture)
        hole = read_hole(its_mask, canvas.size, threshold, invert_mask, resize_mask, dilate)
        warn_about(hole, stacklevel=4)
        if hole.any():
            fill(canvas, hole, network, options)
        return restore(canvas)

    if _is_several(image):
        return _repair_each(repair, image, mask)
    return repair(image, mask)


def check_options(
    *,
    threshold: float = THRESHOLD,
    dilate: int = 0,
    context: int | None = None,
    feather: int | None = None,
    memory_budget: int | float | str | None = None,
) -> None:
    """Whether `inpaint` takes these options: said before a network is loaded.

    Raises:
        ValueError: one is out of its range.
    """
    check_mask_options(threshold, dilate)
    FillOptions(context=context, feather=feather, budget=budget_for(torch.device("cpu"), memory_budget))


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
