"""Picture files: read upright with all that the output can hold, written as losslessly as the format can.

The rules: pictures are made upright and plain, see `latent_inpaint.pictures.plain`. ICC profile, EXIF and
alpha are kept. 16-bit colour of PNG and TIFF stays so where OpenCV is there, else it is read as 8-bit, with
a warning. Of several frames the first is used. PNG, WebP, TIFF and BMP are written lossless, JPEG at
quality 95 without chroma subsampling.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from latent_inpaint.files import replacing
from latent_inpaint.pictures.deep import DeepPicture, encode_deep, is_deep, read_deep
from latent_inpaint.pictures.opening import decoded, name_of
from latent_inpaint.pictures.plain import PictureWarning, plain_mode

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
    ".tif": {"format": "TIFF", "compression": "raw"},  # what cameras note cannot be written in others
    ".tiff": {"format": "TIFF", "compression": "raw"},
    ".bmp": {"format": "BMP"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}
LOSSY = (".jpg", ".jpeg")
_MODES = {
    "PNG": ("L", "LA", "RGB", "RGBA", "I;16", "RGB;16", "RGBA;16"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("L", "LA", "RGB", "RGBA", "I;16", "RGB;16", "RGBA;16"),
    "BMP": ("L", "RGB"),
    "JPEG": ("L", "RGB"),
}
_LARGEST_SIDES = {"WEBP": 16_383, "JPEG": 65_500}


def read_picture(path: str | Path | BinaryIO) -> Image.Image:
    """The picture of a file, upright, as L, LA, RGB, RGBA or I;16, with its ICC profile and EXIF in `info`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture, a damaged one, one of a kind that would not come out right, or one of more
            than `latent_inpaint.pictures.opening.MAX_PIXELS` pixels.
    """
    return plain_mode(decoded(path), name_of(path))


def read_deep_picture(path: str | Path) -> Image.Image | DeepPicture:
    """As `read_picture`, but 16-bit colour keeps its bits.

    Raises:
        FileNotFoundError: see `read_picture`.
        ValueError: see `read_picture`.
    """
    if not is_deep(path):
        return read_picture(path)
    picture, reason = read_deep(path)
    if isinstance(picture, DeepPicture):
        return picture
    warnings.warn(f"{path}: 16-bit colour is read as 8-bit: {reason}", PictureWarning, 2)
    return plain_mode(picture, name_of(path))


def read_mask(path: str | Path | BinaryIO) -> Image.Image:
    """The mask of a file, upright; `latent_inpaint.inference.mask.read_hole` makes a hole of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no picture, a damaged one, or one of a kind that would not come out right.
    """
    return decoded(path)


def write_picture(image: Image.Image | DeepPicture, path: str | Path) -> None:
    """Write `image` in the format of the path's ending, with its ICC profile and EXIF; in one step, never
    half.

    Raises:
        ValueError: an unknown ending, or a format that cannot hold the picture (alpha, 16 bit).
        OSError: the folder cannot be written.
    """
    path = Path(path)
    check_output(path, image.mode, image.size)
    if path.suffix.lower() in LOSSY:
        endings = " ".join(ending for ending in SAVE_OPTIONS if ending not in LOSSY)
        warnings.warn(f"{path}: JPEG changes known pixels too; lossless are {endings}", PictureWarning, 2)
    with replacing(path) as file:
        encode_picture(image, file, path.suffix)


def encode_picture(image: Image.Image | DeepPicture, file: Any, ending: str) -> None:
    """Write `image`, which the format can hold, into an open binary file; see `write_picture`."""
    options = SAVE_OPTIONS[ending.lower()]
    if isinstance(image, DeepPicture):
        encode_deep(image, file, options["format"])
        return
    if options["format"] == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGB" if image.mode == "L" else "RGBA")
    extras = {key: image.info[key] for key in ("icc_profile", "exif") if image.info.get(key)} | _dpi(image)
    image.save(file, **options, **extras)


def _dpi(image: Image.Image) -> dict[str, tuple[float, ...]]:
    dpi = tuple(float(value) for value in image.info.get("dpi", ()))
    return {"dpi": dpi} if len(dpi) == 2 and all(1 <= value < 1e5 for value in dpi) else {}


def check_output(path: str | Path, mode: str, size: tuple[int, int]) -> None:
    """Whether a picture can be written to `path`: said before anything is computed.

    Args:
        path: where it is to go.
        mode: L, LA, RGB, RGBA, I;16, RGB;16 or RGBA;16.
        size: width and height in pixels.

    Raises:
        ValueError: an unknown ending, or a format that cannot hold the picture.
        OSError: the folder is missing or cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected a file to write")
    check_format(path, mode, size)
    check_folder(path.parent)


def check_format(path: Path, mode: str, size: tuple[int, int]) -> None:
    """As `check_output`, of the format alone.

    Raises:
        ValueError: an unknown ending, or a format that cannot hold the picture.
    """
    if path.suffix.lower() not in SAVE_OPTIONS:
        raise ValueError(f"{path}: the ending must be one of {', '.join(SAVE_OPTIONS)}, got {path.suffix!r}")
    form = SAVE_OPTIONS[path.suffix.lower()]["format"]
    grey_in_webp = form == "WEBP" and mode in ("L", "LA")
    if mode not in _MODES[form] and not grey_in_webp:
        lacking = "16 bits" if "16" in mode else "alpha"
        raise ValueError(f"{path}: {form} cannot hold {lacking}; write .png or .tif")
    if max(size) > _LARGEST_SIDES.get(form, max(size)):
        raise ValueError(
            f"{path}: {form} holds at most {_LARGEST_SIDES[form]} pixels a side, got {size[0]}×{size[1]}; "
            "write .png or .tif"
        )


def check_folder(folder: Path) -> None:
    """Whether files can be written into a folder: said before anything is computed.

    Raises:
        OSError: it is missing or cannot be written.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder}: the folder cannot be written")
