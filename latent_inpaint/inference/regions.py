"""Regions of interest: holes in groups, each with a crop of the picture around it.

Holes are found on a grid of cells. Cells that touch, or that lie closer than the context, make one group; two
groups whose crops cost more than one crop around both are joined.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latent_inpaint.inference.canvas import Box, Pixels

CELL = 32
"""Side of a cell in pixels."""
SMALLEST_CONTEXT, LARGEST_CONTEXT = 64, 128
"""Bounds of the default context in pixels, a fifth of the group's longer side."""
SMALLEST_CROP = 256
"""Least side of a crop in pixels, where the picture has them: the size at which networks are trained."""


@dataclass(frozen=True)
class Region:
    """A crop of the picture and the part of the hole that it is to fill.

    Args:
        box: the crop.
        cells: bool `[⌈H/CELL⌉, ⌈W/CELL⌉]`, the cells of the picture that belong to the group.
    """

    box: Box
    cells: Pixels

    def own(self, hole: Pixels, box: Box) -> Pixels:
        """The group's part of the hole inside `box`, bool `[h, w]`."""
        rows = np.arange(box.top, box.bottom) // CELL
        columns = np.arange(box.left, box.right) // CELL
        return hole[box.slices] & self.cells[np.ix_(rows, columns)]


class Everything(Region):
    """All of the picture, known pixels too: what a network that was trained for it gives outside the hole."""

    def own(self, hole: Pixels, box: Box) -> Pixels:
        """All pixels inside `box`, bool `[h, w]`."""
        return np.ones_like(hole[box.slices])


def whole_picture(hole: Pixels) -> Region:
    """The one region that fills all of the hole from all of the picture."""
    return Region(Box(0, 0, *hole.shape), np.ones(_cells(hole).shape, dtype=bool))


def default_context(side: int) -> int:
    """Known pixels around a group whose longer side has `side` pixels: a fifth of it, within bounds."""
    return max(SMALLEST_CONTEXT, min(side // 5, LARGEST_CONTEXT))


def find_regions(
    hole: Pixels,
    context: int | None = None,
    multiple: int = 1,
    context_of: Callable[[int], int] = default_context,
) -> list[Region]:
    """The groups of a hole with their crops; one that covers the picture where that costs no more.

    Args:
        hole: bool `[H, W]`, not empty.
        context: known pixels around a group on every side; None is what `context_of` gives.
        multiple: sides of the crops are multiples of it where the picture is large enough.
        context_of: the default context of a group's longer side.
    """
    occupied = _cells(hole)
    reach = SMALLEST_CONTEXT if context is None else context
    labels = _label(occupied, reach // CELL // 2)

    def group_of(cells: Pixels) -> _Group:
        return _Group(hole, cells, context, multiple, context_of)

    groups = _join([group_of(labels == label) for label in range(1, labels.max() + 1)], group_of)
    if sum(group.box.area for group in groups) >= hole.size:
        return [whole_picture(hole)]
    return [Region(group.box, group.cells) for group in groups]


class _Group:
    """Cells with hole in them, and the crop that they need."""

    def __init__(
        self,
        hole: Pixels,
        cells: Pixels,
        context: int | None,
        multiple: int,
        context_of: Callable[[int], int],
    ) -> None:
        self.cells = cells
        tight = _tight_box(hole, cells)
        longer = max(tight.bottom - tight.top, tight.right - tight.left)
        margin = context_of(longer) if context is None else context
        smallest = SMALLEST_CROP if context is None else 1
        top, bottom = _widen(tight.top, tight.bottom, margin, hole.shape[0], smallest, multiple)
        left, right = _widen(tight.left, tight.right, margin, hole.shape[1], smallest, multiple)
        self.box = Box(top, left, bottom, right)


def _cells(hole: Pixels) -> Pixels:
    """Which cells hold hole, bool `[⌈H/CELL⌉, ⌈W/CELL⌉]`."""
    rows = np.stack([hole[top : top + CELL].any(axis=0) for top in range(0, hole.shape[0], CELL)])
    return np.stack(
        [rows[:, left : left + CELL].any(axis=1) for left in range(0, rows.shape[1], CELL)], axis=1
    )


def _label(occupied: Pixels, gap: int) -> Pixels:
    """Number the groups of occupied cells from 1; at most `gap` empty cells lie between those of a group."""
    labels = np.zeros(occupied.shape, dtype=np.int32)
    count = 0
    for start in zip(*np.nonzero(occupied)):
        if labels[start]:
            continue
        count += 1
        labels[start] = count
        queue = deque([start])
        while queue:
            row, column = queue.popleft()
            near = (
                slice(max(0, row - gap - 1), row + gap + 2),
                slice(max(0, column - gap - 1), column + gap + 2),
            )
            for r, c in zip(*np.nonzero(occupied[near] & (labels[near] == 0))):
                neighbour = (near[0].start + r, near[1].start + c)
                labels[neighbour] = count
                queue.append(neighbour)
    return labels


def _tight_box(hole: Pixels, cells: Pixels) -> Box:
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    top, left = int(rows[0]) * CELL, int(columns[0]) * CELL
    inside = hole[top : (int(rows[-1]) + 1) * CELL, left : (int(columns[-1]) + 1) * CELL]
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return Box(
        top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1
    )


def _widen(start: int, end: int, margin: int, size: int, smallest: int, multiple: int) -> tuple[int, int]:
    """The interval with its margins, at least `smallest` long, a multiple of `multiple`, inside 0 … size."""
    wanted = max(end - start + 2 * margin, smallest)
    wanted = min(size, -(-wanted // multiple) * multiple)
    start = (start + end - wanted) // 2
    start = max(0, min(start, size - wanted))
    return start, start + wanted


def _join(groups: list[_Group], group_of: Callable[[Pixels], _Group]) -> list[_Group]:
    """Join groups until no crop around two costs less than their two crops."""
    finished: list[_Group] = []
    pending = list(groups)
    while pending:
        group = pending.pop()
        boxes = np.array([other.box for other in pending]).reshape(-1, 4)
        top_left = np.minimum(boxes[:, :2], group.box[:2])
        bottom_right = np.maximum(boxes[:, 2:], group.box[2:])
        around_both = (bottom_right - top_left).prod(axis=1)
        apart = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + group.box.area
        cheaper = np.flatnonzero(around_both <= apart)
        if len(cheaper):
            other = pending.pop(int(cheaper[0]))
            pending.insert(0, group_of(group.cells | other.cells))
            pending += finished
            finished = []
        else:
            finished.append(group)
    return finished
