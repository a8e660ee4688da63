"""The one place where picture files are opened: documented formats only, within limits, with one error."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from latent_inpaint.pictures.plain import PictureWarning, upright
from latent_inpaint.pictures.tiff import depth_notes, is_white_zero, raw_modes, tiff_notes


def _optional() -> dict[str, tuple[str, ...]]:
    """Formats that some installations read, and their endings: AVIF of Pillow, HEIF of pillow-heif."""
    found: dict[str, tuple[str, ...]] = {"AVIF": (".avif",)} if features.check("avif") else {}
    with contextlib.suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
        found["HEIF"] = (".heic", ".heif")
    return found


_OPTIONAL = _optional()
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", *_OPTIONAL)
"""Pillow's names of all formats that are opened; others (PostScript!) may start other programs."""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", *chain(*_OPTIONAL.values()))
MAX_PIXELS = 2**27
"""Largest number of pixels that is read, 8,192 × 16,384: a small file can claim to hold far more."""


def open_picture(source: str | PathLike | BinaryIO, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """An image that is not decoded yet; decoding may still fail.

    Args:
        source: path, or open binary file, whose attribute `name` names it in messages.
        formats: of `FORMATS`, those that are taken.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture of these formats, or one of more than `MAX_PIXELS` pixels; names the file.
    """
    name = name_of(source)
    if isinstance(source, (str, PathLike)):
        _check_file(Path(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=formats)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: more than {MAX_PIXELS} pixels, refused") from error
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{name}: not a picture, or of a kind that is not read ({', '.join(formats)})"
        ) from error
    except Exception as error:  # decoders raise a dozen types on damaged files
        raise ValueError(f"{name}: cannot be read as a picture: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise ValueError(f"{name}: {image.width}×{image.height} pixels, more than {MAX_PIXELS}, refused")
    return image


def decoded(path: str | PathLike | BinaryIO, tell_depth: bool = True) -> Image.Image:
    """The picture of a file, see `open_picture`, decoded and upright; warns of what Pillow changes.

    Args:
        path: see `open_picture`.
        tell_depth: of 16-bit colour, too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `open_picture`; or a damaged picture, or one of a kind that would not come out right.
    """
    name = name_of(path)
    with open_picture(path) as image:
        with _named_if_damaged(name):
            n_frames = getattr(image, "n_frames", 1)
        notes = [*tiff_notes(image, name), *(depth_notes(image) if tell_depth else ())]
        is_grey = raw_modes(image) == ["LA;16B"]  # Pillow makes RGBA of it
        is_inverted = is_white_zero(image)
        with _named_if_damaged(name):
            picture = upright(image)
            picture.load()
    if n_frames > 1:
        notes.append(f"only the first of {n_frames} frames is used")
    for note in notes:
        warnings.warn(f"{name}: {note}", PictureWarning, 3)
    picture.info.pop("compression", None)  # Pillow would write with it, be it lossy
    if is_inverted:
        inverted = Image.fromarray(65535 - np.asarray(picture))
        inverted.info = dict(picture.info)
        return inverted
    return picture.convert("LA") if is_grey else picture


def name_of(source: str | PathLike | BinaryIO) -> str:
    """What messages call a picture."""
    return fspath(source) if isinstance(source, (str, PathLike)) else str(getattr(source, "name", "picture"))


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


@contextmanager
def _named_if_damaged(path: str | Path) -> Iterator[None]:
    """One error for the dozen types that decoders raise on damaged files."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: damaged picture: {error}") from error
