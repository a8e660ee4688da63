"""A synthetic set for object removal: a piece of one photograph pasted into another, with a shadow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.listing import Listing
from latent_inpaint.data.photos import read_picture
from latent_inpaint.data.seeding import Stream, generator_for


def write_triplets(pictures: Listing, output: Path, count: int, size: int, seed: int = 0) -> None:
    """Write `source/NNNNN.png`, `mask/NNNNN.png` and `target/NNNNN.png`, to be read by `data=triplets`.

    The target is a square of one picture, the source has a blob of another one pasted in, which throws a soft
    shadow; the mask is the blob, grown by two pixels, without its shadow.

    Args:
        pictures: at least two.
        output: new or empty folder.
        count: number of triplets.
        size: side in pixels.
        seed: of everything drawn; triplet i depends on (seed, i).

    Raises:
        ValueError: fewer than two pictures, or a folder with something in it.
    """
    if len(pictures) < 2:
        raise ValueError(f"pictures: expected at least 2, one to paste into the other, got {len(pictures)}")
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"output: expected a new or empty folder, {output} has something in it")
    for index in range(count):
        rng = generator_for(Stream.AUGMENTATION, seed, index=index)
        behind, object_ = rng.choice(len(pictures), 2, replace=False)
        target, other = (_square(pictures.path(i), size, rng) for i in (behind, object_))
        for part, pixels in zip(("source", "mask", "target"), (*pasted(target, other, rng), target)):
            path = output / part / f"{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


def pasted(target: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The picture with a blob of another one, and the blob's mask.

    Args:
        target: uint8 `[S, S, 3]`.
        other: likewise.
        rng: of shape, place and shadow.

    Returns:
        uint8 `[S, S, 3]`, and uint8 `[S, S]`, 255 = object.

    Example:
        >>> black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
        >>> source, mask = pasted(white, black, np.random.default_rng(0))
        >>> bool(source[mask == 0].min() < 255), bool((source[mask == 0] > 0).all())  # a shadow, no object
        (True, True)
    """
    size = len(target)
    blob = _blob(size, rng)
    shadow = np.roll(blob, rng.integers(size // 24, size // 8, 2) * rng.choice((-1, 1), 2), (0, 1))
    shadow = cv2.GaussianBlur(shadow, (0, 0), size * rng.uniform(0.015, 0.05))
    shaded = target * (1 - rng.uniform(0.3, 0.6) * shadow[..., None])
    edge = cv2.GaussianBlur(blob, (0, 0), 0.7)[..., None]
    source = edge * other + (1 - edge) * shaded
    mask = cv2.dilate((edge[..., 0] > 0.01).astype(np.uint8), np.ones((5, 5), np.uint8))
    return source.round().astype(np.uint8), 255 * mask


def _square(path: Path, size: int, rng: np.random.Generator) -> np.ndarray:
    picture = read_picture(path)
    crop = Crop.of(picture.shape[:2], size, size, (rng.random(), rng.random()))
    return crop.image(picture)


def _blob(size: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth closed shape well inside the square, float32 `[S, S]` in {0, 1}."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    waves = [rng.uniform(0, 0.25) * np.cos(k * angles + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4)]
    radius = size * rng.uniform(0.1, 0.2) * (1 + np.sum(waves, axis=0))
    centre = size * rng.uniform(0.35, 0.65, 2)
    outline = centre + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    blob = np.zeros((size, size), np.float32)
    cv2.fillPoly(blob, [outline.round().astype(np.int32)], 1.0)
    return blob
