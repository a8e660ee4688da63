"""Pictures and masks for a study: a user's, or sample photographs under drawn masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from latent_inpaint.data.masks import preset
from latent_inpaint.data.photos import EXTENSIONS, read_picture
from latent_inpaint.data.sample import SampleLayout


def examples(
    images: Sequence[str | Path] | None, masks: Sequence[str | Path] | None, size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Pictures `[B, 3, size, size]` in [0, 1] and masks `[B, 1, size, size]` in {0, 1}, 1 = hole.

    Args:
        images: see `pictures`.
        masks: one file for each picture, at least mid-grey = hole; None draws thick masks.
        size: side in pixels.
        seed: of the masks that are drawn.

    Raises:
        ValueError: the numbers of pictures and masks differ.
    """
    found = pictures(images, size)
    if masks is not None and len(masks) != len(found):
        raise ValueError(f"masks: one for each of the {len(found)} pictures is expected, got {len(masks)}")
    if masks is None:
        rng = np.random.default_rng(seed)
        drawn = np.stack([preset("thick", size)(rng) for _ in found])
        return found, torch.from_numpy(drawn)[:, None].float()
    grey = torch.stack([_square(path, size) for path in masks]).mean(dim=1, keepdim=True)
    return found, (grey >= 0.5).float()


def pictures(images: Sequence[str | Path] | None, size: int, count: int | None = None) -> Tensor:
    """Pictures `[B, 3, size, size]` in [0, 1], fitted to the square.

    Args:
        images: files, and folders that stand for all pictures in them; None takes the sample's validation
            photographs.
        size: side in pixels.
        count: the first so many only; None: all.

    Raises:
        ValueError: count is below 1, or there is no picture.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if images is None:
        sample = SampleLayout().splits(None).val
        images = [sample.root / name for name in sample.names]
    files = [file for path in images for file in _files(Path(path))][:count]
    if not files:
        raise ValueError(f"images: no picture in {', '.join(map(str, images))}")
    return torch.stack([_square(file, size) for file in files])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)


def _square(path: str | Path, size: int) -> Tensor:
    picture = ImageOps.fit(Image.fromarray(read_picture(path)), (size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
