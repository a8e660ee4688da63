"""The one place where picture files are opened: documented formats only, within limits, with one error."""

from __future__ import annotations

import warnings
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
"""Pillow's names of all formats that are opened; others (PostScript!) may start other programs."""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
MAX_PIXELS = 2**27
"""Largest number of pixels that is read, 8,192 × 16,384: a small file can claim to hold far more."""


def open_picture(source: str | PathLike | BinaryIO, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """An image that is not decoded yet; decoding may still fail.

    Args:
        source: path, or open binary file.
        formats: of `FORMATS`, those that are taken.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture of these formats, or one of more than `MAX_PIXELS` pixels; names the file.
    """
    name = fspath(source) if isinstance(source, (str, PathLike)) else "picture"
    if isinstance(source, (str, PathLike)):
        _check_file(Path(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=formats)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: more than {MAX_PIXELS} pixels, refused") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{name}: not a picture, or of a kind that is not read ({', '.join(formats)})") from error
    except Exception as error:  # decoders raise a dozen types on damaged files
        raise ValueError(f"{name}: cannot be read as a picture: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{name}: {image.width}×{image.height} pixels, more than {MAX_PIXELS}, refused")
    return image


def _check_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        exists = path.exists()
    except OSError as error:  # a name that is too long
        raise ValueError(f"{path}: {error.strerror}") from error
    if not exists:
        raise FileNotFoundError(f"{path}: no such file")
    raise ValueError(f"{path}: not a file")
