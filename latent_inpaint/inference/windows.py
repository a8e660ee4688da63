"""The network in pieces that fit into memory, with the result of the network in one piece.

Encoder and decoder are local: a latent position sees a few pixels around it, a pixel a few latent
positions. So they run window by window with a halo that is cut off again, and only where they are needed.
The refiner sees the whole latent at once, which is small: 1/64 of the pixels for a down factor of 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from latent_inpaint.inference.canvas import Box, Canvas, Pixels
from latent_inpaint.inference.device import device_of
from latent_inpaint.models.geometry import pad_to_multiple
from latent_inpaint.models.inpainter import LatentModel

HALO = 2
"""Latent positions on each side of a window that the padding of its convolutions may spoil.

Encoder: the 7×7 block spoils 3 pixels, each stride-2 block halves that and adds 1, which never exceeds 2
positions. Decoder: each doubling spoils 2p + 1 rows of p, the 7×7 convolution 3 more: 2^n + 2 pixels, at
most 2 positions of 2^n. Parts that see farther have an attribute `halo`.
"""
_SIDE_STEP = 8
"""Sides of what is decoded are multiples of it: libraries keep code in memory for every shape they meet."""


def encode(
    network: LatentModel, canvas: Canvas, box: Box, hole: Pixels, max_pixels: float = math.inf
) -> Tensor:
    """The masked latent of a crop, `[1, C, h, w]`, encoded in windows of about `max_pixels` or less."""
    grid = latent_grid(network, box)
    windows = list(split(grid, max_pixels / network.down_factor**2))
    if len(windows) == 1:
        return _encode_window(network, canvas, box, hole)
    device = device_of(network)
    latent = torch.empty(1, network.encoder.latent_channels, grid.bottom, grid.right, device=device)
    for window in windows:
        extended = _extend(window, grid, _halo(network.encoder))
        encoded = _encode_window(network, canvas, _pixels(extended, box, network.down_factor), hole)
        kept_rows, kept_columns = _inside(window, extended).slices
        rows, columns = window.slices
        latent[..., rows, columns] = encoded[..., kept_rows, kept_columns]
    return latent


def decode(
    network: LatentModel,
    latent: Tensor,
    box: Box,
    wanted: Pixels,
    margin: int,
    max_pixels: float = math.inf,
) -> Iterator[tuple[Box, Tensor]]:
    """Predictions of the parts of a crop where `wanted` is set.

    Args:
        network: whose decoder is run.
        latent: `[1, C, h, w]` of the crop.
        box: the crop.
        wanted: bool of the crop's size.
        margin: pixels that each part reaches beyond what is wanted in it.
        max_pixels: about how many pixels to decode at once.

    Yields:
        A part of the picture and its prediction, `[3, h, w]`; the parts without their margins cover `wanted`.
    """
    factor = network.down_factor
    grid = Box(0, 0, *latent.shape[-2:])
    for window in split(_needed(wanted, grid, factor), max_pixels / factor**2):
        core = _pixels(window, box, factor)
        if not wanted[_inside(core, box).slices].any():
            continue
        extended = _extend(window, grid, _halo(network.decoder) + -(-margin // factor))
        rows, columns = extended.slices
        decoded = network.decode(latent[..., rows, columns])
        part = Box(
            max(box.top, core.top - margin),
            max(box.left, core.left - margin),
            min(box.bottom, core.bottom + margin),
            min(box.right, core.right + margin),
        )
        origin = Box(box.top + extended.top * factor, box.left + extended.left * factor, 0, 0)
        kept_rows, kept_columns = _inside(part, origin).slices
        yield part, decoded[0, :, kept_rows, kept_columns]


def mask_of(network: LatentModel, hole: Pixels, box: Box) -> Tensor:
    """The hole inside `box` as the network takes it, `[1, 1, H, W]`, padded to its multiple."""
    mask = torch.from_numpy(hole[box.slices]).to(device_of(network), torch.float32)[None, None]
    return pad_to_multiple(mask, network.down_factor)


def latent_grid(network: LatentModel, box: Box) -> Box:
    """All latent positions of a crop; at least two in each direction, as in `pad_to_multiple`."""
    factor = network.down_factor
    sides = [max(2, -(-side // factor)) for side in (box.bottom - box.top, box.right - box.left)]
    return Box(0, 0, *sides)


def split(box: Box, max_area: float) -> Iterator[Box]:
    """Windows of at most `max_area` positions, as square and as equal as they go, that cover `box`."""
    height, width = box.bottom - box.top, box.right - box.left
    side = max(1.0, math.sqrt(max_area))
    n_columns = max(1, math.ceil(width / max(side, max_area / max(1, height))))
    columns = math.ceil(width / n_columns)
    n_rows = max(1, math.ceil(height / max(1, max_area // columns))) if max_area < math.inf else 1
    rows = math.ceil(height / n_rows)
    for top in range(box.top, box.bottom, rows):
        for left in range(box.left, box.right, columns):
            yield Box(top, left, min(top + rows, box.bottom), min(left + columns, box.right))


def _encode_window(network: LatentModel, canvas: Canvas, box: Box, hole: Pixels) -> Tensor:
    device = device_of(network)
    image = pad_to_multiple(canvas.read(box).to(device), network.down_factor)
    return network.encode_masked(image, mask_of(network, hole, box))


def _needed(wanted: Pixels, grid: Box, factor: int) -> Box:
    """The latent positions under the bounding box of `wanted`, its sides rounded up: few different shapes."""
    rows, columns = wanted.any(axis=1).nonzero()[0], wanted.any(axis=0).nonzero()[0]
    top, bottom = _rounded(int(rows[0]) // factor, int(rows[-1]) // factor + 1, grid.bottom)
    left, right = _rounded(int(columns[0]) // factor, int(columns[-1]) // factor + 1, grid.right)
    return Box(top, left, bottom, right)


def _rounded(start: int, end: int, size: int) -> tuple[int, int]:
    """The interval made a multiple of `_SIDE_STEP` long, inside 0 … size."""
    length = min(size, -(-(end - start) // _SIDE_STEP) * _SIDE_STEP)
    start = min(start, size - length)
    return start, start + length


def _halo(part: nn.Module) -> int:
    """`HALO`, or what a part that sees farther says of itself."""
    return getattr(part, "halo", HALO)


def _extend(window: Box, grid: Box, halo: int) -> Box:
    return Box(
        max(0, window.top - halo),
        max(0, window.left - halo),
        min(grid.bottom, window.bottom + halo),
        min(grid.right, window.right + halo),
    )


def _pixels(window: Box, box: Box, factor: int) -> Box:
    """The pixels under a window of the crop `box`, without what is padded."""
    return Box(
        box.top + window.top * factor,
        box.left + window.left * factor,
        min(box.bottom, box.top + window.bottom * factor),
        min(box.right, box.left + window.right * factor),
    )


def _inside(box: Box, origin: Box) -> Box:
    """`box` in the coordinates of `origin`'s corner."""
    return Box(box.top - origin.top, box.left - origin.left, box.bottom - origin.top, box.right - origin.left)
