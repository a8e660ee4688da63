"""Picture files: read upright with all that the output can hold, written as losslessly as the format can.

The rules: EXIF orientation is applied, and the EXIF written back says "upright". ICC profile, EXIF and
alpha are kept. 16-bit grey stays 16-bit; 16-bit colour is read as 8-bit, as Pillow does, with a warning.
CMYK becomes RGB, and its profile is dropped. Of several frames the first is used. PNG, WebP, TIFF and BMP
are written lossless, JPEG at quality 95 without chroma subsampling.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from latent_inpaint.inference.canvas import plain_mode

MAX_PIXELS = 2**27
"""Largest number of pixels that is read, 8,192 × 16,384: a small file can claim to hold far more."""

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
    ".tif": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    ".tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    ".bmp": {"format": "BMP"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}
LOSSY = (".jpg", ".jpeg")
_MODES = {
    "PNG": ("L", "LA", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("L", "LA", "RGB", "RGBA", "I;16"),
    "BMP": ("L", "RGB"),
    "JPEG": ("L", "RGB"),
}


class PictureWarning(UserWarning):
    """Something of a picture file is not kept."""


def read_picture(path: str | Path) -> Image.Image:
    """The picture of a file, upright, as L, LA, RGB, RGBA or I;16, with its ICC profile and EXIF in `info`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture, a damaged one, or one of more than `MAX_PIXELS` pixels.
    """
    path = Path(path)
    with _open(path) as image:
        if image.mode == "CMYK":
            warnings.warn(
                f"{path}: CMYK is turned into RGB, its colour profile is dropped", PictureWarning, 2
            )
            image.info.pop("icc_profile", None)
        frames, tiles = getattr(image, "n_frames", 1), getattr(image, "tile", ())  # of files only
        if frames > 1:
            warnings.warn(f"{path}: only the first of {frames} frames is used", PictureWarning, 2)
        if image.mode in ("RGB", "RGBA") and any("16" in str(tile[3]) for tile in tiles):
            warnings.warn(f"{path}: 16-bit colour is read as 8-bit", PictureWarning, 2)
        try:
            upright = ImageOps.exif_transpose(image)
            upright.info.update(exif=upright.getexif().tobytes(), icc_profile=image.info.get("icc_profile"))
        except Exception as error:  # decoders raise a dozen types on damaged files
            raise ValueError(f"{path}: damaged picture: {error}") from error
        return plain_mode(upright)


def read_mask(path: str | Path) -> Image.Image:
    """The mask of a file, upright; `latent_inpaint.inference.mask.read_hole` makes a hole of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture, or a damaged one.
    """
    path = Path(path)
    with _open(path) as image:
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception as error:  # decoders raise a dozen types on damaged files
            raise ValueError(f"{path}: damaged picture: {error}") from error
    return upright


def write_picture(image: Image.Image, path: str | Path) -> None:
    """Write `image` in the format of the path's ending, with its ICC profile and EXIF; in one step, never
    half.

    Raises:
        ValueError: an unknown ending, or a format that cannot hold the picture (alpha, 16 bit).
        OSError: the folder cannot be written.
    """
    path = Path(path)
    check_output(path, image.mode)
    options = SAVE_OPTIONS[path.suffix.lower()]
    if options["format"] == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGB" if image.mode == "L" else "RGBA")
    extras = {key: image.info[key] for key in ("icc_profile", "exif") if image.info.get(key)}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        image.save(temporary, **options, **extras)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: str | Path, mode: str) -> None:
    """Whether a picture of `mode` can be written to `path`: said before anything is computed.

    Raises:
        ValueError: an unknown ending, or a format that cannot hold the picture.
        OSError: the folder is missing or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SAVE_OPTIONS:
        raise ValueError(f"{path}: the ending must be one of {', '.join(SAVE_OPTIONS)}, got {path.suffix!r}")
    form = SAVE_OPTIONS[path.suffix.lower()]["format"]
    grey_in_webp = form == "WEBP" and mode in ("L", "LA")
    if mode not in _MODES[form] and not grey_in_webp:
        lacking = "16 bits" if mode == "I;16" else "alpha"
        raise ValueError(f"{path}: {form} cannot hold {lacking}; write .png or .tif")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent}: the folder cannot be written")


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: larger than {MAX_PIXELS} pixels, refused: {error}") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path}: not a picture") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read as a picture: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{path}: {image.width}×{image.height} pixels, more than {MAX_PIXELS}, refused")
    return image
