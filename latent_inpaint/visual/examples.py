"""Pictures and masks for a study: a user's, or sample photographs under drawn masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from latent_inpaint.data.masks import preset
from latent_inpaint.data.photos import read_picture
from latent_inpaint.data.sample import SampleLayout


def examples(
    images: Sequence[str | Path] | None, masks: Sequence[str | Path] | None, size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Pictures `[B, 3, size, size]` in [0, 1] and masks `[B, 1, size, size]` in {0, 1}, 1 = hole.

    Args:
        images: files, fitted to the square; None takes the sample's validation photographs.
        masks: one file for each picture, at least mid-grey = hole; None draws thick masks.
        size: side in pixels.
        seed: of the masks that are drawn.

    Raises:
        ValueError: the numbers of pictures and masks differ.
    """
    if images is None:
        sample = SampleLayout().splits(None).val
        images = [sample.root / name for name in sample.names]
    if masks is not None and len(masks) != len(images):
        raise ValueError(f"masks: one for each of the {len(images)} pictures is expected, got {len(masks)}")
    pictures = torch.stack([_square(path, size) for path in images])
    if masks is None:
        rng = np.random.default_rng(seed)
        drawn = np.stack([preset("thick", size)(rng) for _ in images])
        return pictures, torch.from_numpy(drawn)[:, None].float()
    grey = torch.stack([_square(path, size) for path in masks]).mean(dim=1, keepdim=True)
    return pictures, (grey >= 0.5).float()


def _square(path: str | Path, size: int) -> Tensor:
    picture = ImageOps.fit(Image.fromarray(read_picture(path)), (size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
