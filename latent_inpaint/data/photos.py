"""Reading pictures: any JPEG, PNG or WebP becomes an RGB uint8 array, by these rules.

- The EXIF orientation is applied.
- Grey pictures: the value is copied to the three channels.
- Palette pictures: the palette's colours.
- Alpha and transparent palette entries: laid over white.
- 16-bit grey: divided by 257, rounded (65535 becomes 255); 16-bit RGB keeps its upper 8 bits (Pillow).
- CMYK and YCbCr: Pillow's conversion, embedded colour profiles are not applied.
"""

from os import PathLike, fspath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from latent_inpaint.pictures.opening import open_picture

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")
FORMATS = ("JPEG", "PNG", "WEBP")


class UnreadablePicture(ValueError):
    """A file that cannot be decoded as a picture: truncated, of another format, gone."""


def read_picture(source: str | PathLike | BinaryIO, max_short_side: int | None = None) -> np.ndarray:
    """Reads a picture as RGB.

    Args:
        source: path or open binary file of a JPEG, PNG or WebP.
        max_short_side: a picture whose short side is longer is reduced to it (antialiased; JPEGs are decoded
            at 1/2, 1/4 or 1/8 when that is still large enough). None keeps the size.

    Returns:
        uint8 array `[H, W, 3]`, RGB.

    Raises:
        UnreadablePicture: names the file and the decoder's reason.
    """
    try:
        with open_picture(source, FORMATS) as image:
            if max_short_side is not None and image.format in ("JPEG", "MPO"):
                image.draft(None, _size_for(image.size, max_short_side))
            upright = ImageOps.exif_transpose(image)
            return np.array(_reduced(to_rgb(upright), max_short_side))
    except Exception as error:  # decoders raise a dozen types on damaged files
        name = fspath(source) if isinstance(source, (str, PathLike)) else "picture"
        reason = str(error).removeprefix(f"{name}: ")
        raise UnreadablePicture(f"{name}: cannot be read as a picture ({reason})") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Converts any Pillow image to mode RGB by the rules at the top of this module."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        grey = np.rint(np.asarray(image).astype(np.float64) / 257).clip(0, 255)
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _size_for(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """`(width, height)` with the given short side and the same proportions, never larger than `size`."""
    scale = min(1.0, short_side / min(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _reduced(image: Image.Image, max_short_side: int | None) -> Image.Image:
    if max_short_side is None or min(image.size) <= max_short_side:
        return image
    return image.resize(_size_for(image.size, max_short_side), Image.Resampling.BICUBIC, reducing_gap=3.0)
