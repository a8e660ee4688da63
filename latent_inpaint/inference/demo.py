"""A landscape with a wire across it, and the wire's mask."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from latent_inpaint.pictures import Pixels


def draw(width: int = 480, height: int = 320, seed: int = 0) -> tuple[Image.Image, Image.Image]:
    """A picture (RGB) and its mask (L, 255 is the hole).

    Example:
        >>> picture, mask = draw()
        >>> picture.size, mask.mode
        ((480, 320), 'L')
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / height
    clouds = sum(_noise(rng, 4 * 2**k, width, height) / 2**k for k in range(4)) / 2
    sky = np.array([0.35, 0.58, 0.85]) + y[..., None] * np.array([0.45, 0.25, 0.05])
    pixels = sky + 0.35 * np.clip(clouds - 0.45, 0, 1)[..., None]
    for base, roughness, colour in (
        (0.55, 0.22, (0.45, 0.52, 0.6)),
        (0.7, 0.14, (0.3, 0.42, 0.35)),
        (0.84, 0.06, (0.38, 0.5, 0.22)),
    ):
        ridge = base + roughness * (_noise(rng, 5, width, 1)[0] - 0.5) + 0.02 * np.sin(x[0] * 23)
        grain = 0.75 + 0.5 * _noise(rng, 90, width, height)[..., None]
        pixels = np.where((y > ridge)[..., None], np.array(colour) * grain, pixels)
    picture = Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))
    mask = Image.new("L", picture.size)
    points = [(at, height * (0.3 + 0.18 * (at / width - 0.5) ** 2 + 0.1 * at / width)) for at in range(width)]
    ImageDraw.Draw(picture).line(points, fill=(28, 26, 30), width=3)
    ImageDraw.Draw(mask).line(points, fill=255, width=9)
    return picture, mask


def _noise(rng: np.random.Generator, cells: int, width: int, height: int) -> Pixels:
    """Smooth noise in [0, 1], `[height, width]`, of so many cells across."""
    small = Image.fromarray(rng.random((max(2, cells * height // width), cells), dtype=np.float32))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)
