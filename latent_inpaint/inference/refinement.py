"""Feature refinement (Kulshreshtha et al., 2022): optimise the latent, so that large holes have structure.

A network fills a large hole well only up to the size at which it was trained. So the picture is filled at a
small scale first; at each larger scale the encoder's output is changed by Adam until the prediction,
halved, agrees with the scale below inside the hole, and with the picture outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.inference.canvas import Box, Canvas, Pixels
from latent_inpaint.inference.device import device_of
from latent_inpaint.inference.pyramid import halve, halve_hole
from latent_inpaint.inference.seam import feather_seam
from latent_inpaint.inference.windows import mask_of, split
from latent_inpaint.models.geometry import pad_to_multiple
from latent_inpaint.models.inpainter import LatentModel

ERODED_BY = 15
"""Diameter in pixels of the ellipse by which the hole is eroded where scales are compared."""
_OVERLAP = 8
"""Latent positions that neighbouring tiles share on each side."""
_FADE = 16
"""Pixels over which a tile fades into the tiles before it."""

Report = Callable[[int, int], None]


class RefinementWarning(UserWarning):
    """Refinement was asked for, but no crop is large enough."""


@dataclass(frozen=True)
class RefinementOptions:
    """Settings of the refiner.

    Args:
        min_side: side in pixels of the smallest scale: how large a picture the network fills well on its own.
        max_scales: most scales, the smallest included.
        n_iterations: passes through the network per scale and tile.
        learning_rate: of Adam.
    """

    min_side: int = 512
    max_scales: int = 3
    n_iterations: int = 15
    learning_rate: float = 0.002

    @property
    def least_side(self) -> int:
        """The shorter side in pixels from which a crop is halved, and so refined."""
        return math.floor(math.sqrt(2) * self.min_side) + 1

    def n_halvings(self, box: Box) -> int:
        """How often a crop is halved: scales above the smallest one."""
        shorter = min(box.bottom - box.top, box.right - box.left)
        n_scales = 1 + round(max(0.0, math.log2(shorter / self.min_side)))
        return min(n_scales, self.max_scales) - 1


def refine_level(
    network: LatentModel,
    canvas: Canvas,
    hole: Pixels,
    lower: Canvas,
    options: RefinementOptions,
    tile_positions: float,
    feather: int,
    report: Report,
) -> None:
    """Fill `hole` on `canvas` under the guidance of the repaired picture of half the size.

    Args:
        network: in eval mode.
        canvas: `[H, W, C]`, H and W even.
        hole: bool `[H, W]`.
        lower: the level below, already filled, `[H/2, W/2, 3]`.
        options: the refiner's settings.
        tile_positions: latent positions that may be optimised at once; larger levels are refined in tiles.
        feather: pixels of the seam, see `feather_seam`.
        report: called with (passes done, passes in all).
    """
    factor = network.down_factor
    height, width = canvas.size
    grid = Box(0, 0, -(-height // factor), -(-width // factor))
    side = max(2 * _OVERLAP, math.sqrt(tile_positions) - 2 * _OVERLAP)
    tiles = list(split(grid, math.inf if tile_positions >= grid.area else side**2))
    wanted = [(core, _pixels(core, canvas, factor)) for core in tiles]
    wanted = [(core, box) for core, box in wanted if hole[box.slices].any()]
    for i, (core, box) in enumerate(wanted):
        around = _pixels(_grown(core, grid), canvas, factor)

        def tile_report(done: int, i: int = i) -> None:
            report(i * options.n_iterations + done, len(wanted) * options.n_iterations)

        prediction = _refine_tile(network, canvas, hole, around, lower, options, tile_report)
        device = prediction.device
        unknown = torch.from_numpy(hole[around.slices]).to(device)
        prediction = feather_seam(canvas.read(around)[0].to(device), unknown, prediction, feather)
        _write_faded(canvas, hole, box, around, prediction)


def _refine_tile(
    network: LatentModel,
    canvas: Canvas,
    hole: Pixels,
    box: Box,
    lower: Canvas,
    options: RefinementOptions,
    report: Callable[[int], None],
) -> Tensor:
    device = device_of(network)
    image = canvas.read(box).to(device)
    mask = torch.from_numpy(hole[box.slices]).to(device, torch.float32)[None, None]
    target = lower.read_result(Box(*(side // 2 for side in box))).to(device)
    inner = erode(halve_hole(mask))
    padded = mask_of(network, hole, box)
    with torch.no_grad():
        latent = network.encode_masked(pad_to_multiple(image, network.down_factor), padded).float()
    latent.requires_grad_()
    optimizer = torch.optim.Adam([latent], lr=options.learning_rate)
    for done in range(1, options.n_iterations):
        with torch.enable_grad():
            prediction = network.decode(network.refine(latent, padded))[
                ..., : image.shape[2], : image.shape[3]
            ]
            loss = _mean_l1(prediction, image, 1 - mask) + _mean_l1(halve(prediction), target, inner)
        (latent.grad,) = torch.autograd.grad(loss, latent)
        optimizer.step()
        report(done)
    with torch.no_grad():
        prediction = network.decode(network.refine(latent, padded))[0, :, : image.shape[2], : image.shape[3]]
    report(options.n_iterations)
    return prediction


def erode(hole: Tensor) -> Tensor:
    """The hole, `[B, 1, H, W]` in {0, 1}, eroded by an ellipse of `ERODED_BY` pixels across."""
    radius = ERODED_BY // 2
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    ellipse = np.abs(columns) <= np.rint(np.sqrt(radius**2 - rows.astype(float) ** 2))
    kernel = torch.from_numpy(ellipse).to(hole)[None, None]
    return (functional.conv2d(1 - hole, kernel, padding=radius) < 0.5).to(hole.dtype)


def _mean_l1(a: Tensor, b: Tensor, where: Tensor) -> Tensor:
    return ((a - b).abs() * where).sum() / (a.shape[1] * where.sum()).clamp(min=1)


def _grown(core: Box, grid: Box) -> Box:
    return Box(
        max(0, core.top - _OVERLAP),
        max(0, core.left - _OVERLAP),
        min(grid.bottom, core.bottom + _OVERLAP),
        min(grid.right, core.right + _OVERLAP),
    )


def _pixels(positions: Box, canvas: Canvas, factor: int) -> Box:
    height, width = canvas.size
    top, left, bottom, right = (position * factor for position in positions)
    return Box(top, left, min(height, bottom), min(width, right))


def _write_faded(canvas: Canvas, hole: Pixels, core: Box, around: Box, prediction: Tensor) -> None:
    """Write a tile's core, and fade it into the tiles above and to the left that are there already."""
    box = Box(max(around.top, core.top - _FADE), max(around.left, core.left - _FADE), core.bottom, core.right)
    rows = slice(box.top - around.top, box.bottom - around.top)
    columns = slice(box.left - around.left, box.right - around.left)
    new = prediction[:, rows, columns].float().cpu()
    weight = _ramp(box.top, core.top, core.bottom)[:, None] * _ramp(box.left, core.left, core.right)[None]
    old = canvas.read_result(box)[0]
    canvas.write(box, weight * new + (1 - weight) * old, hole[box.slices])


def _ramp(start: int, full: int, end: int) -> Tensor:
    """0 … 1 from `start` up to `full`, then 1 up to `end`."""
    positions = torch.arange(start, end, dtype=torch.float32) + 0.5
    return (
        ((positions - start) / max(1, full - start)).clamp(max=1) if full > start else torch.ones(end - start)
    )
