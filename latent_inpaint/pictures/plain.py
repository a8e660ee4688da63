"""PIL images made plain: upright, and in a mode that a canvas takes.

The rules: EXIF orientation is applied, and the EXIF that stays says "upright". 16-bit grey stays 16-bit, of
either byte order; a colour of it that stands for transparency is dropped. Palette, bilevel and other images
become RGB or grey, RGBA or LA with transparency. CMYK and LAB become RGB without their colour profile.
"""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

_KEPT_MODES = ("L", "LA", "RGB", "RGBA")
_GREY_MODES = ("1", "L", "LA", "La")
# By number: subfile, size, bits, compression, photometric, orientation, strips, tiles, planes, resolution …
_LAYOUT = {*range(254, 260), 262, 263, 266, *range(273, 285), 296, 317, 320, *range(322, 326), 330, 332, 338}
_LAYOUT |= {339, 340, 341, 347, *range(529, 533), 34665, 34675, 34853}
_MODES_OF_OTHER_PROFILES = ("CMYK", "LAB")


class PictureWarning(UserWarning):
    """Something of a picture is not kept."""


def upright(image: Image.Image) -> Image.Image:
    """`image` turned as its EXIF orientation says, with an EXIF that fits; itself if it has no EXIF."""
    before = image.getexif()
    if not before:
        return image
    turned = ImageOps.exif_transpose(image)
    exif = turned.getexif()
    if image.format == "TIFF" and not exif:  # Pillow forgets a TIFF's tags with its file
        exif = _tags_to_keep(before)
    if before.get(ExifTags.Base.Orientation, 1) >= 5 and ExifTags.IFD.Exif in exif:
        _swap_sides(exif.get_ifd(ExifTags.IFD.Exif))
    turned.info["exif"] = exif.tobytes()
    return turned


def _tags_to_keep(tags: Image.Exif) -> Image.Exif:
    """The tags of a TIFF that say nothing of how its pixels are stored, or how they lie."""
    kept = Image.Exif()
    kept.update({tag: value for tag, value in tags.items() if tag not in _LAYOUT})
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        kept.get_ifd(directory).update(tags.get_ifd(directory))
    return kept


def plain_mode(image: Image.Image, name: str = "image") -> Image.Image:
    """`image` as L, LA, RGB, RGBA or I;16; see the module's rules. Warns about what is dropped.

    Args:
        image: of any mode; it is not changed.
        name: of the image, for messages.

    Raises:
        ValueError: a mode without a defined range (32-bit integers, floats).
    """
    if is_sixteen_bit(image):
        return _plain_sixteen_bit(image, name)
    if image.mode in ("I", "F"):
        raise ValueError(
            f"{name}: the mode {image.mode!r} has no defined range; convert it to 8 or 16 bit first"
        )
    if image.mode in _KEPT_MODES and "transparency" not in image.info:
        return image
    is_grey = image.mode in _GREY_MODES
    if image.has_transparency_data:
        return image.convert("LA" if is_grey else "RGBA")
    plain = image.convert("L" if is_grey else "RGB")
    if image.mode in _MODES_OF_OTHER_PROFILES:
        _warn(f"{name}: {image.mode} is turned into RGB, its colour profile is dropped")
        plain.info.pop("icc_profile", None)
    return plain


def is_sixteen_bit(image: Image.Image) -> bool:
    """Whether an image is 16-bit grey, of any byte order."""
    return image.mode.startswith("I;16")


def _swap_sides(tags: MutableMapping[int, Any]) -> None:
    width, height = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
    if width in tags and height in tags:
        tags[width], tags[height] = tags[height], tags[width]


def _plain_sixteen_bit(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "I;16" and "transparency" not in image.info:
        return image
    plain = Image.fromarray(np.asarray(image).astype(np.uint16))  # Pillow's own conversion clips at 255
    plain.info = dict(image.info)
    if plain.info.pop("transparency", None) is not None:
        _warn(f"{name}: the transparency of 16-bit grey is dropped")
    return plain


def _warn(message: str) -> None:
    warnings.warn(message, PictureWarning, stacklevel=4)
