"""Animations: all frames of a GIF, WebP or PNG, filled with one mask, written as WebP or PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence

from latent_inpaint.files import replacing
from latent_inpaint.pictures.opening import MAX_PIXELS, open_picture
from latent_inpaint.pictures.plain import plain_mode

ENDINGS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
}


def count_frames(image: Path) -> int:
    """Frames of an animation; 1 of other pictures, pages of a TIFF included."""
    with open_picture(image) as opened:
        return getattr(opened, "n_frames", 1) if opened.format in ("GIF", "WEBP", "PNG") else 1


def repair_frames(image: Path, output: Path, repair: Callable[[Image.Image], Image.Image]) -> tuple[int, int]:
    """Repair every frame and keep its duration; returns width and height.

    Args:
        image: the animation.
        output: a file of `ENDINGS`.
        repair: fills the hole of a frame, RGB or RGBA.

    Raises:
        ValueError: a damaged file, another ending, or more than four times `MAX_PIXELS` pixels in all.
    """
    with open_picture(image) as animation:
        count = getattr(animation, "n_frames", 1)
        if output.suffix.lower() not in ENDINGS:
            raise ValueError(f"{output}: frames are written to {' or '.join(ENDINGS)}, got {output.suffix!r}")
        size = animation.size
        if size[0] * size[1] * count > 4 * MAX_PIXELS:
            raise ValueError(f"{image}: {count} frames of {size[0]}×{size[1]} pixels are too many")
        loop = animation.info.get("loop", 0)
        frames, durations = [], []
        for frame in ImageSequence.Iterator(animation):
            frame.load()  # WebP says a frame's duration with its pixels
            durations.append(frame.info.get("duration", 100))
            frames.append(repair(_plain(frame)))
    options = ENDINGS[output.suffix.lower()] | {"loop": loop, "duration": durations}
    with replacing(output) as file:
        frames[0].save(file, save_all=True, append_images=frames[1:], **options)
    return size


def _plain(frame: Image.Image) -> Image.Image:
    plain = plain_mode(frame.copy())
    plain = plain.convert("RGBA" if "A" in plain.getbands() else "RGB")
    plain.info = {}
    return plain
