"""Pictures of every kind as one: numpy, PIL and torch; 8 bit, 16 bit or float; grey or colour.

The rules: the network sees RGB in [0, 1]; grey is repeated into three channels, and what is invented for a
grey picture is turned back by the luma weights of Rec. 601. 16-bit pictures are scaled by 65,535 and stay
16-bit. Alpha is kept as it is, inside the hole too. PIL images are made upright and plain first, see
`latent_inpaint.pictures.plain`; the result is the upright one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from latent_inpaint.pictures import LUMA, Pixels
from latent_inpaint.pictures.deep import DeepPicture
from latent_inpaint.pictures.plain import plain_mode, upright

FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, the ends not included, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box into an array `[H, W, …]`."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Canvas:
    """A picture under repair: crops of it for the network, and predictions written into its hole.

    Args:
        pixels: `[H, W, C]`, C of grey, grey + alpha, RGB or RGBA; uint8, uint16, or float in [0, 1]. It is
            not changed; `result` is a copy of it, to which `write` writes.

    Raises:
        ValueError: another shape, type or range.
    """

    def __init__(self, pixels: Pixels) -> None:
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or 0 in pixels.shape:
            raise ValueError(
                f"image must have 1 to 4 channels and at least one pixel, got {list(pixels.shape)}"
            )
        if pixels.dtype.name not in FULL_SCALE:
            raise ValueError(f"image must be of type {', '.join(FULL_SCALE)}, got {pixels.dtype}")
        if pixels.dtype.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError(f"image: floats must lie in [0, 1], got [{pixels.min():g}, {pixels.max():g}]")
        self.source = pixels
        self.result = pixels.copy()
        self.n_colours = 1 if pixels.shape[2] < 3 else 3
        self._full_scale = FULL_SCALE[pixels.dtype.name]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.source.shape[0], self.source.shape[1]

    @property
    def whole(self) -> Box:
        """The box that covers the picture."""
        return Box(0, 0, *self.size)

    def read(self, box: Box) -> Tensor:
        """The untouched picture inside `box`, `[1, 3, h, w]` in [0, 1]."""
        return self._read(self.source, box)

    def read_result(self, box: Box) -> Tensor:
        """The picture with what was written so far inside `box`, `[1, 3, h, w]` in [0, 1]."""
        return self._read(self.result, box)

    def _read(self, pixels: Pixels, box: Box) -> Tensor:
        colours = pixels[box.slices][..., : self.n_colours]
        scaled = np.divide(colours, self._full_scale, dtype=np.float32)
        crop = torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))
        return crop.expand(3, -1, -1)[None]

    def write(self, box: Box, prediction: Tensor, hole: Pixels) -> None:
        """Put `prediction` where `hole` is set; nothing else changes.

        Args:
            box: where it goes.
            prediction: `[3, h, w]` in [0, 1] of the box' size.
            hole: bool `[h, w]`.
        """
        invented = prediction[:, torch.from_numpy(hole).to(prediction.device)].float().cpu()  # [3, N]
        if self.n_colours == 1:
            invented = torch.tensor([LUMA]) @ invented
        values = invented.clamp(0, 1).numpy().T * self._full_scale
        if self.result.dtype.kind == "u":
            values = np.rint(values)
        region = self.result[box.slices]
        region[..., : self.n_colours][hole] = values.astype(self.result.dtype)

    def paste(self, box: Box, other: Canvas, hole: Pixels) -> None:
        """Copy the result of `other`, a canvas of this type, where `hole` (bool `[h, w]`) is set in `box`.

        The corner of `other` comes to lie on the corner of `box`.
        """
        height, width = hole.shape
        self.result[box.slices][hole] = other.result[:height, :width][hole]


def open_canvas(image: Any) -> tuple[Canvas, Callable[[Canvas], Any]]:
    """The canvas of a single picture, and the function that turns its result into the picture's own kind.

    Args:
        image: numpy `[H, W]` or `[H, W, C]`, PIL image or `DeepPicture`, or torch `[H, W]` or `[C, H, W]`.

    Raises:
        TypeError: another kind.
        ValueError: another shape, type or range.
    """
    if isinstance(image, Image.Image):
        return _open_pil(image)
    if isinstance(image, DeepPicture):
        return Canvas(image.pixels), lambda canvas: DeepPicture(canvas.result, dict(image.info))
    if isinstance(image, Tensor):
        return _open_tensor(image)
    if isinstance(image, np.ndarray):
        if image.ndim == 2:
            return Canvas(image[..., None]), lambda canvas: canvas.result[..., 0]
        return Canvas(image), lambda canvas: canvas.result
    raise TypeError(f"image must be a numpy array, a PIL image or a torch tensor, got {type(image).__name__}")


def _open_tensor(image: Tensor) -> tuple[Canvas, Callable[[Canvas], Tensor]]:
    stacked = image[None] if image.ndim == 2 else image
    if stacked.ndim != 3:
        raise ValueError(f"image: a tensor must have the shape [C, H, W], got {list(image.shape)}")

    def restore(canvas: Canvas) -> Tensor:
        result = torch.from_numpy(np.ascontiguousarray(canvas.result.transpose(2, 0, 1)))
        return result.to(image.device, image.dtype).reshape(image.shape)

    is_half = image.dtype in (torch.float16, torch.bfloat16)
    pixels = (stacked.float() if is_half else stacked).detach().cpu().numpy()
    return Canvas(pixels.transpose(1, 2, 0)), restore


def _open_pil(image: Image.Image) -> tuple[Canvas, Callable[[Canvas], Image.Image]]:
    plain = plain_mode(upright(image))
    pixels = np.asarray(plain)

    def restore(canvas: Canvas) -> Image.Image:
        result = Image.fromarray(canvas.result[..., 0] if pixels.ndim == 2 else canvas.result)
        result.info = {key: value for key, value in plain.info.items() if key != "compression"}  # of the file
        return result

    return Canvas(pixels[..., None] if pixels.ndim == 2 else pixels), restore
