"""Colour of 16 bits a channel, which Pillow reads as 8: PNG and TIFF with all their bits.

OpenCV decodes, and encodes PNG. Pillow decodes the same file to 8 bits, so that limits, damage, orientation
and metadata are handled as for every picture; where the two do not agree, the file is of a kind that is not
kept.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import putchunk
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from latent_inpaint.extras import how_to_install
from latent_inpaint.pictures import Pixels
from latent_inpaint.pictures.opening import decoded, open_picture
from latent_inpaint.pictures.tiff import raw_modes

_FORMATS = ("PNG", "TIFF")
_PNG_HEADER = 33  # signature and IHDR
_TAG = ExifTags.Base
_RGB, _RAW, _STRAIGHT_ALPHA, _INCH = 2, 1, 2, 2


@dataclass
class DeepPicture:
    """A picture of 16-bit colour, upright.

    Attributes:
        pixels: uint16 `[H, W, 3]`, or `[H, W, 4]` with alpha.
        info: `icc_profile`, `exif`, `dpi`, as PIL images have them.
    """

    pixels: Pixels
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def mode(self) -> str:
        """`RGB;16` or `RGBA;16`."""
        return "RGB;16" if self.pixels.shape[2] == 3 else "RGBA;16"

    def preview(self) -> Image.Image:
        """The picture in 8 bits, RGB or RGBA."""
        return Image.fromarray((self.pixels >> 8).astype(np.uint8))


def is_deep(path: str | Path) -> bool:
    """Whether a file is a PNG or TIFF of 16-bit colour, by its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `open_picture`.
    """
    with open_picture(path) as image:
        is_colour = image.mode in ("RGB", "RGBA") and image.format in _FORMATS
        return is_colour and any("16" in mode and "LA" not in mode for mode in raw_modes(image))


def read_deep(path: str | Path) -> tuple[DeepPicture | Image.Image, str]:
    """A picture of 16-bit colour, upright; or in 8 bits, and why.

    Raises:
        ValueError: a damaged file, or one of a kind that would not come out right.
    """
    shallow = decoded(path, tell_depth=False)
    try:
        import cv2
    except ImportError:
        return shallow, f"OpenCV is missing, {how_to_install('classical')}"
    found = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    expected = np.asarray(shallow)
    if found is None or found.dtype != np.uint16 or found.ndim != 3 or "transparency" in shallow.info:
        return shallow, "of this kind no more can be kept"
    with open_picture(path) as image:
        pixels = _turned(found[..., [2, 1, 0, 3][: found.shape[2]]], image.getexif().get(_TAG.Orientation, 1))
    if pixels.shape != expected.shape or np.abs((pixels >> 8).astype(int) - expected).max() > 1:
        return shallow, "of this kind no more can be kept"
    return DeepPicture(np.ascontiguousarray(pixels), {str(k): v for k, v in shallow.info.items()}), ""


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """As EXIF's orientation says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def encode_deep(picture: DeepPicture, file: BinaryIO, form: str) -> None:
    """Write a picture with its ICC profile, EXIF and resolution, lossless.

    Args:
        picture: of 16-bit colour.
        file: open, binary.
        form: `PNG` or `TIFF`.
    """
    (_write_png if form == "PNG" else _write_tiff)(picture, file)


def _write_png(picture: DeepPicture, file: BinaryIO) -> None:
    import cv2

    done, encoded = cv2.imencode(".png", picture.pixels[..., [2, 1, 0, 3][: picture.pixels.shape[2]]])
    if not done:
        raise ValueError("the picture cannot be written as PNG")
    content = encoded.tobytes()
    file.write(content[:_PNG_HEADER])
    file.write(_png_metadata(picture.info))
    file.write(content[_PNG_HEADER:])


def _png_metadata(info: dict[str, Any]) -> bytes:
    """The chunks with which Pillow writes this metadata, taken from a picture of one pixel."""
    one, written = Image.new("RGB", (1, 1)), io.BytesIO()
    extras = {key: info[key] for key in ("icc_profile", "exif", "dpi") if info.get(key)}
    one.save(written, "PNG", **extras)
    content, chunks, place = written.getvalue(), io.BytesIO(), _PNG_HEADER
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        name, end = content[place + 4 : place + 8], place + 12 + length
        if name in (b"iCCP", b"eXIf", b"pHYs"):
            putchunk(chunks, name, content[place + 8 : end - 4])
        place = end
    return chunks.getvalue()


def _write_tiff(picture: DeepPicture, file: BinaryIO) -> None:
    height, width, channels = picture.pixels.shape
    content = picture.pixels.astype("<u2").tobytes()
    tags = ImageFileDirectory_v2(prefix=b"II")
    exif = Image.Exif()
    exif.load(picture.info.get("exif") or b"")
    tags.update(exif)
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if nested := dict(exif.get_ifd(directory)):
            tags[directory] = nested
    layout: dict[int, Any] = {
        _TAG.ImageWidth: width,
        _TAG.ImageLength: height,
        _TAG.BitsPerSample: (16,) * channels,
        _TAG.Compression: _RAW,
        _TAG.PhotometricInterpretation: _RGB,
        _TAG.StripOffsets: 0,  # what follows the tags; Pillow adds where that is
        _TAG.SamplesPerPixel: channels,
        _TAG.RowsPerStrip: height,
        _TAG.StripByteCounts: len(content),
    }
    if channels == 4:
        layout[_TAG.ExtraSamples] = _STRAIGHT_ALPHA
    if picture.info.get("icc_profile"):
        layout[_TAG.InterColorProfile] = picture.info["icc_profile"]
    if dpi := picture.info.get("dpi"):
        x, y = (float(value) for value in dpi)
        layout |= {_TAG.XResolution: x, _TAG.YResolution: y, _TAG.ResolutionUnit: _INCH}
    for tag, value in layout.items():
        tags[tag] = value
    tags.save(file)
    file.write(content)
