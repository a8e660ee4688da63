"""What a request asks for, and the work that answers it: bytes to bytes, nothing on the disk."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from latent_inpaint.inference.files import check_format, encode_picture, read_mask, read_picture
from latent_inpaint.inference.holes import alpha_hole, without_alpha
from latent_inpaint.inference.mask import grow, read_hole
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.inference.progress import Progress
from latent_inpaint.inference.segmenting import Point, Segmenter
from latent_inpaint.models.inpainter import keeps_within
from latent_inpaint.pictures.opening import open_picture
from latent_inpaint.pictures.plain import PictureWarning
from latent_inpaint.service.limits import Limits, Refused

_ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tif", "BMP": "bmp"}
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "tif": "image/tiff",
    "bmp": "image/bmp",
}
Format = Literal["same", "png", "jpg", "webp", "tif", "bmp"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MaskOptions(_Strict):
    """How a mask is read; see `latent_inpaint.inpaint`."""

    threshold: float = Field(128, gt=0, le=255, description="128 understands masks of all kinds")
    invert_mask: bool = Field(False, description="the mask marks what is known")
    dilate: int = Field(0, ge=0, le=1000, description="pixels by which the hole grows")
    mask_from_alpha: bool = Field(False, description="the hole is where the picture is transparent")


class Options(MaskOptions):
    """How a hole is filled; see `latent_inpaint.inpaint`."""

    model: str | None = Field(None, description="name of a network; see /v1/models")
    samples: int = Field(1, ge=1, le=64, description="fills, of a network that draws")
    seed: int = Field(0, ge=-1, le=2**53, description="of a network that draws; -1 is any")
    choose: Literal["best"] | None = Field(None, description="of the samples the least seam alone")
    steps: int | None = Field(None, ge=1, le=1000, description="network calls of a sampler")
    resize_mask: bool = Field(False, description="scale a mask of another size")
    whole: bool = Field(False, description="look at the whole picture, not at crops around holes")
    context: int | None = Field(None, ge=0, le=4096, description="known pixels around a hole's crop")
    feather: int | None = Field(None, ge=0, le=512, description="width of the seam inside the hole")
    membrane: bool | None = Field(None, description="correct tints by the fill's error on the rim")
    refine: bool | None = Field(None, description="optimise large holes at growing scales (slow)")
    format: Format = Field(
        "same", description="of the result; same: as the picture's, if that can be written"
    )


class Points(_Strict):
    """Where an object is."""

    points: list[tuple[float, float, bool]] = Field(
        min_length=1, max_length=64, description="[x, y, whether the object is there], from the upper left"
    )


@dataclass(frozen=True)
class Encoded:
    """Finished files of one type, and the seed that gives them again."""

    files: list[bytes]
    type: str
    seed: int = 0

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(map(len, self.files))


def opened(content: bytes, name: str) -> io.BytesIO:
    """Bytes as a file that is called `name` in messages."""
    file = io.BytesIO(content)
    file.name = name
    return file


def check_picture(content: bytes, name: str, limits: Limits) -> str:
    """The ending that fits a picture, which is looked at without decoding it.

    Raises:
        Refused: none was sent, it is no picture, or too large a one.
    """
    if not content:
        raise Refused(400, f"{name}: a picture is needed, nothing came")
    try:
        with open_picture(opened(content, name)) as picture:
            size, form = picture.size, picture.format
    except ValueError as error:
        too_large = "pixels" in str(error) and "refused" in str(error)
        raise Refused(413 if too_large else 400, str(error)) from error
    if size[0] * size[1] > limits.pixels:
        raise Refused(413, f"{name}: {size[0]}×{size[1]} pixels, at most {limits.pixels} are taken")
    return _ENDINGS.get(form or "", "png")


def inpaint(
    image: bytes, mask: bytes | None, options: Options, pipeline: Pipeline, limits: Limits, progress: Progress
) -> Encoded:
    """Fill the hole of an encoded picture.

    Raises:
        ValueError: a picture, mask or option that is not accepted.
        Refused: the same, with its status.
    """
    seed = options.seed if options.seed >= 0 else int(np.random.default_rng().integers(2**31))
    progress("opening", 0, 1)
    ending = check_picture(image, "picture", limits)
    picture = read_picture(opened(image, "picture"))
    hole: Any = alpha_hole(picture) if options.mask_from_alpha else read_mask(opened(mask or b"", "mask"))
    if options.mask_from_alpha:
        picture = without_alpha(picture)
    results = pipeline.inpaint(
        picture,
        hole,
        options.samples,
        seed,
        options.steps,
        threshold=options.threshold,
        invert_mask=options.invert_mask,
        resize_mask=options.resize_mask,
        dilate=options.dilate,
        region_of_interest=not options.whole,
        context=options.context,
        feather=options.feather,
        membrane=options.membrane,
        refine=options.refine,
        memory_budget=limits.memory_budget if keeps_within(pipeline.model) else None,
        progress=progress,
        choose=options.choose,
    )
    progress("writing", 0, 1)
    ending = fitting(ending, picture, options.format)
    files = [encode(result, ending) for result in (results if isinstance(results, list) else [results])]
    return Encoded(files, TYPES[ending], seed)


def read_any_mask(content: bytes, options: MaskOptions, limits: Limits) -> Encoded:
    """A mask of any kind, or a picture's alpha, as a PNG of black and white, white the hole."""
    check_picture(content, "mask", limits)
    mask: Any = read_mask(opened(content, "mask"))
    if options.mask_from_alpha:
        mask = alpha_hole(read_picture(opened(content, "mask")))
    size = (mask.height, mask.width) if isinstance(mask, Image.Image) else mask.shape
    hole = read_hole(mask, size, options.threshold, options.invert_mask, dilate=options.dilate)
    return Encoded([encode(Image.fromarray(np.uint8(255) * hole), "png")], TYPES["png"])


def object_mask(image: bytes, asked: Points, segmenter: Segmenter, limits: Limits) -> Encoded:
    """The object under points of a picture as a PNG of black and white, white the object."""
    check_picture(image, "picture", limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)  # of depth and profiles, which matter to results only
        picture = np.asarray(read_picture(opened(image, "picture")).convert("RGB"))
    found = segmenter.object_at(picture, [Point(*point) for point in asked.points])
    return Encoded([encode(Image.fromarray(np.uint8(255) * found), "png")], TYPES["png"])


def apply_patch(
    image: bytes, patch: bytes | None, left: int, top: int, wanted: Format, limits: Limits
) -> Encoded:
    """A picture with what is opaque in a patch pasted at a place; its depth, alpha, EXIF and ICC stay."""
    ending = check_picture(image, "picture", limits)
    picture = read_picture(opened(image, "picture"))
    if patch is not None:
        check_picture(patch, "patch", limits)
        pasted = read_picture(opened(patch, "patch")).convert("RGBA")
        if not (0 <= left <= picture.width - pasted.width and 0 <= top <= picture.height - pasted.height):
            raise Refused(400, "patch: it must lie inside the picture")
        picture = _pasted(picture, pasted, left, top)
    ending = fitting(ending, picture, wanted)
    return Encoded([encode(picture, ending)], TYPES[ending])


def _pasted(picture: Image.Image, patch: Image.Image, left: int, top: int) -> Image.Image:
    pixels = np.array(picture)
    colours = pixels[..., None] if pixels.ndim == 2 else pixels  # [H, W, C], a view
    n_colours = 3 if colours.shape[2] >= 3 else 1
    fill = np.asarray(patch.convert("RGB" if n_colours == 3 else "L")).reshape(patch.height, patch.width, -1)
    where = np.asarray(patch.getchannel("A")) > 0
    part = colours[top : top + patch.height, left : left + patch.width, :n_colours]
    part[where] = fill[where].astype(pixels.dtype) * (257 if pixels.dtype == np.uint16 else 1)
    result = Image.fromarray(pixels)
    result.info = dict(picture.info)
    return result


def fitting(ending: str, picture: Image.Image, wanted: Format) -> str:
    """The ending of a result; PNG where the picture's own format cannot hold it."""
    asked = ending if wanted == "same" else wanted
    try:
        check_format(Path(f"result.{asked}"), picture.mode, picture.size)
    except ValueError:
        if wanted != "same":
            raise
        return "png"
    if asked == "jpg":
        warnings.warn("JPEG changes known pixels too; lossless are png, tif, webp, bmp", stacklevel=2)
    return asked


def encode(picture: Image.Image, ending: str) -> bytes:
    """A picture in the format of an ending, with its EXIF and ICC profile."""
    file = io.BytesIO()
    encode_picture(picture, file, f".{ending}")
    return file.getvalue()


def adjusted(mask: bytes, operation: str, size: int, limits: Limits) -> Encoded:
    """A mask expanded or shrunk by half of `size`, or reversed, as white on transparent PNG."""
    check_picture(mask, "mask", limits)
    hole = read_any_hole(mask)
    if operation == "reverse":
        hole = ~hole
    else:
        radius = max(1, size // 2)
        hole = grow(hole, radius) if operation == "expand" else ~grow(~hole, radius)
    white = np.full((*hole.shape, 4), 255, np.uint8)
    white[..., 3] *= hole
    return Encoded([encode(Image.fromarray(white), "png")], TYPES["png"])


def read_any_hole(mask: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    """The hole as IOPaint reads it: grey above 127, whatever alpha says."""
    return np.asarray(read_mask(opened(mask, "mask")).convert("L")) > 127
