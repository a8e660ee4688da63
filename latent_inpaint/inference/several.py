"""Several pictures, several fills of each, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.inference.canvas import Box, Canvas
from latent_inpaint.models.choosing import best_of

CHOICES = ("best",)
AROUND = 32
"""Known pixels around the holes that the choice looks at."""


def best_canvas(canvases: Sequence[Canvas], hole: np.ndarray, model: object) -> Canvas:
    """The fill that `best_of` chooses, by what is around all holes.

    Args:
        canvases: fills of one picture.
        hole: bool `[H, W]`, True = hole, with a hole in it.
        model: what drew them.
    """
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    top, left = max(0, rows[0] - AROUND), max(0, columns[0] - AROUND)
    box = Box(int(top), int(left), int(rows[-1] + 1 + AROUND), int(columns[-1] + 1 + AROUND))
    pictures = torch.cat([canvas.read_result(box) for canvas in canvases])
    mask = torch.from_numpy(hole[box.slices].astype(np.float32))[None, None]
    return canvases[best_of(pictures, mask, model)]


def check_choice(choose: str | None) -> None:
    """A ValueError for another choice among samples than there is."""
    if choose is not None and choose not in CHOICES:
        raise ValueError(f"choose must be {' or '.join(CHOICES)}, or None, got {choose!r}")


def check_counts(samples: int, steps: int | None) -> None:
    """A ValueError unless there is at least one sample, and one step where a number is given."""
    for argument, value in (("samples", samples), ("steps", steps)):
        if value is not None and value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}")


def is_several(image: Any) -> bool:
    """Whether it is a list or a batch of pictures."""
    return isinstance(image, (list, tuple)) or (isinstance(image, (np.ndarray, Tensor)) and image.ndim == 4)


def repair_each(repair: Callable[[Any, Any], list[Any]], images: Any, masks: Any, samples: int) -> list[Any]:
    """The samples of several pictures, each sample of the kind of `images`."""
    if not isinstance(masks, (list, tuple, np.ndarray, Tensor)) or len(masks) != len(images):
        count = len(masks) if hasattr(masks, "__len__") else type(masks).__name__
        raise ValueError(f"mask: as many masks as pictures are expected, {len(images)}, got {count}")
    repaired = [repair(image, mask) for image, mask in zip(images, masks)]
    if not repaired:  # an empty batch, of whatever kind
        return [images[:0] for _ in range(samples)]
    by_sample = [[results[sample] for results in repaired] for sample in range(samples)]
    if isinstance(images, Tensor):
        return [torch.stack(results) for results in by_sample]
    return [np.stack(results) for results in by_sample] if isinstance(images, np.ndarray) else by_sample
