"""A picture file and its hole as people mark it: a mask, alpha, a border that is to be added."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from latent_inpaint.inference.files import read_deep_picture, read_mask
from latent_inpaint.inference.mask import read_hole
from latent_inpaint.pictures import Pixels
from latent_inpaint.pictures.deep import DeepPicture

Sides = tuple[int, int, int, int]
Picture = Image.Image | DeepPicture
Kind = TypeVar("Kind", Image.Image, DeepPicture, Picture)


def read_pair(
    image: Path, mask: Path | None, options: Mapping[str, Any]
) -> tuple[Picture, Any, dict[str, Any]]:
    """A picture, its mask, and the options of `latent_inpaint.inpaint` that are left.

    Args:
        image: the picture's file.
        mask: its mask's; None where `mask_from_alpha` or `expand` mark the hole.
        options: those of `inpaint`, and `mask_from_alpha`, `expand`.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a bad file, or no alpha.
    """
    left = dict(options)
    from_alpha, sides = left.pop("mask_from_alpha", False), left.pop("expand", None)
    picture = read_deep_picture(image)
    if from_alpha:
        hole: Any = alpha_hole(picture)
        picture = without_alpha(picture)
    else:
        hole = None if mask is None else read_mask(mask)
    if sides is not None:
        hole = expanded_hole(hole, picture.size, sides, left)
        picture = expanded(picture, sides)
        left |= {"threshold": 128, "invert_mask": False, "resize_mask": False}
    return picture, hole, left


def alpha_hole(picture: Picture) -> Pixels:
    """Where a picture is more transparent than not, bool `[H, W]`; a ValueError if it has no alpha channel.

    Example:
        >>> alpha_hole(Image.new("RGBA", (2, 1), (9, 9, 9, 0))).tolist()
        [[True, True]]
    """
    if "A" not in picture.mode:
        raise ValueError(f"mask_from_alpha: the picture has no alpha channel, its mode is {picture.mode}")
    if isinstance(picture, DeepPicture):
        return picture.pixels[..., 3] < 32768
    return np.asarray(picture.getchannel("A")) < 128


def without_alpha(picture: Kind) -> Kind:
    """The picture's colours, with its EXIF and profile."""
    if isinstance(picture, DeepPicture):
        return DeepPicture(picture.pixels[..., :3], picture.info)
    opaque = picture.convert("L" if picture.mode == "LA" else "RGB")
    opaque.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return opaque


def expanded(picture: Kind, sides: Sides) -> Kind:
    """A picture with room on its left, top, right and bottom, in pixels; opaque where it has alpha.

    Example:
        >>> expanded(Image.new("L", (4, 3)), (1, 0, 2, 5)).size
        (7, 8)
    """
    left, top, right, bottom = sides
    if isinstance(picture, DeepPicture):
        grown = np.pad(picture.pixels, ((top, bottom), (left, right), (0, 0)))
        alpha = grown[..., 3:]
        alpha[expanded_hole(None, picture.size, sides)] = 65535
        return DeepPicture(grown, picture.info)
    size = (picture.width + left + right, picture.height + top + bottom)
    grey = 0 if len(picture.getbands()) == 1 else tuple(255 * (band == "A") for band in picture.getbands())
    larger = Image.new(picture.mode, size, grey)
    larger.paste(picture, (left, top))
    larger.info = dict(picture.info)
    return larger


def expanded_hole(
    mask: Any, size: tuple[int, int], sides: Sides, options: Mapping[str, Any] | None = None
) -> Pixels:
    """The hole of an expanded picture: its new border, and the mask's hole, bool `[H, W]`.

    Args:
        mask: of the picture before, or None.
        size: width and height before.
        sides: as in `expanded`.
        options: `threshold`, `invert_mask` and `resize_mask` for the mask.
    """
    given = options or {}
    hole = np.zeros(size[::-1], bool)
    if mask is not None:
        threshold, invert = given.get("threshold", 128), given.get("invert_mask", False)
        hole = read_hole(mask, size[::-1], threshold, invert, given.get("resize_mask", False))
    left, top, right, bottom = sides
    return np.pad(hole, ((top, bottom), (left, right)), constant_values=True)
