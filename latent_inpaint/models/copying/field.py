"""Which known patch each patch of a hole is taken from, at one scale (PatchMatch, Barnes et al., 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_FILLED = 0.01
"""Weight of filled positions when patches are compared: where a patch shows known ones, they decide."""
_DEEPEST = 24
"""Pixels from the rim beyond which a patch is trusted no less."""
_TRUST = 1.3
"""By how much a patch is trusted less with every pixel from the rim (Wexler et al., 2007, section 3.2)."""


class PatchField:
    """A nearest-neighbour field: for each patch that touches the hole, the position of a known patch.

    Positions are numbers `row · W + column`. Random numbers come from a generator on the CPU, all else is
    computed on the picture's device: the same seed gives the same field.

    Args:
        picture: `[C, H, W]`; what is inside the hole does not matter.
        hole: bool `[H, W]`, with some hole.
        radius: patches span `2·radius + 1` positions.
        guide: `[G, H, W]`, complete: its squared difference is added to the patches' mean one.

    Attributes:
        has_sources: whether some patch lies in the picture and touches no hole; nothing else works without.
    """

    def __init__(self, picture: Tensor, hole: Tensor, radius: int, guide: Tensor) -> None:
        self.picture, self.hole, self.radius = picture, hole, radius
        self.height, self.width = hole.shape
        touched = dilated(hole, radius)
        inside = torch.zeros_like(hole)
        inside[radius : self.height - radius, radius : self.width - radius] = True
        self.is_source = (inside & ~touched).flatten()
        self.sources = self.is_source.nonzero()[:, 0]
        self.has_sources = len(self.sources) > 0
        self.targets = touched.flatten().nonzero()[:, 0]
        rows, columns = (touched.any(dim=axis).nonzero()[:, 0] for axis in (1, 0))
        self._top, self._left = int(rows[0]), int(columns[0])
        self._size = int(rows[-1]) + 1 - self._top, int(columns[-1]) + 1 - self._left
        row, column = self.targets // self.width - self._top, self.targets % self.width - self._left
        self._in_frame = row * self._size[1] + column
        self._number = torch.full((hole.numel(),), -1, device=hole.device)
        self._number[self.targets] = torch.arange(len(self.targets), device=hole.device)
        self._patches = self._patches_of(picture, (0, 0), (self.height, self.width))
        self._guide = guide.flatten(1).T.contiguous()
        known = torch.where(hole, _FILLED, 1.0)[None]
        weight = self._patches_of(known, (self._top, self._left), self._size)[self._in_frame]
        self._scale = (
            (weight / (len(picture) * weight.sum(dim=1, keepdim=True))).sqrt().repeat(1, len(picture))
        )
        frame = hole[self._top : self._top + self._size[0], self._left : self._left + self._size[1]]
        self._trust = _TRUST ** -_depth(frame).flatten()[self._in_frame]
        self.chosen, self.cost = self.targets, torch.zeros(len(self.targets), device=hole.device)

    def start(self, generator: torch.Generator) -> None:
        """Choose sources at random."""
        drawn = torch.randint(len(self.sources), (len(self.targets),), generator=generator)
        self.chosen = self.sources[drawn.to(self.sources.device)]

    def start_from(self, coarser: PatchField, generator: torch.Generator) -> None:
        """Choose what the field of half the size chose; at random where that is no source here."""
        self.start(generator)
        rows, columns = self.targets // self.width, self.targets % self.width
        above = (rows // 2).clamp(max=coarser.height - 1) * coarser.width
        number = coarser._number[above + (columns // 2).clamp(max=coarser.width - 1)]
        there = coarser.chosen[number.clamp(min=0)]
        row = (there // coarser.width * 2 + rows % 2).clamp(max=self.height - 1)
        column = (there % coarser.width * 2 + columns % 2).clamp(max=self.width - 1)
        position = row * self.width + column
        self.chosen = torch.where((number >= 0) & self.is_source[position], position, self.chosen)

    def search(
        self, filled: Tensor, sweeps: Sequence[tuple[int, ...]], reach: int, generator: torch.Generator
    ) -> None:
        """Take better sources: those of neighbours, moved along, and random ones ever closer to the own.

        Args:
            filled: the picture so far, `[C, H, W]`.
            sweeps: for each sweep how far away the neighbours are, one round after the other.
            reach: how far away random sources are at first, in rows and columns.
            generator: source of random numbers, on the CPU.
        """
        wanted = self._patches_of(filled, (self._top, self._left), self._size)[self._in_frame] * self._scale
        self.cost = self._cost_of(wanted, torch.arange(len(wanted), device=wanted.device), self.chosen)
        for strides in sweeps:
            self._ask_neighbours(wanted, strides)
            self._ask_at_random(wanted, reach, generator)

    def _ask_neighbours(self, wanted: Tensor, strides: tuple[int, ...]) -> None:
        rows, columns = self.targets // self.width, self.targets % self.width
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            for stride in strides:
                down, right = dy * stride, dx * stride
                neighbour, is_there = self._moved(rows, columns, down, right)
                number = torch.where(is_there, self._number[neighbour], -1)
                there = self.chosen[number.clamp(min=0)]
                moved, fits = self._moved(there // self.width, there % self.width, -down, -right)
                self._take_better(wanted, moved, fits & (number >= 0))

    def _ask_at_random(self, wanted: Tensor, reach: int, generator: torch.Generator) -> None:
        while reach >= 1:
            drawn = torch.randint(-reach, reach + 1, (2, len(self.chosen)), generator=generator)
            down, right = drawn.to(self.chosen.device)
            row = (self.chosen // self.width + down).clamp(0, self.height - 1)
            column = (self.chosen % self.width + right).clamp(0, self.width - 1)
            self._take_better(wanted, row * self.width + column, torch.ones_like(row, dtype=torch.bool))
            reach //= 2 if reach < 16 else 4

    def vote(self, sharpness: float, reach: int) -> Tensor:
        """The picture `[C, H, W]`: in the hole the mean of what overlapping patches bring.

        Args:
            sharpness: of the weights `exp(−sharpness · cost / 2σ)`; σ is the cost's upper quartile.
            reach: only this many positions around a patch's centre count.
        """
        channels, side = self.picture.shape[0], 2 * self.radius + 1
        weight = self._trust + 1e-8
        if self.cost.any():
            weight = torch.exp(-self.cost * sharpness / (2 * _upper_quartile(self.cost))) * self._trust + 1e-8
        window = self.picture.new_zeros(side, side)
        inner = slice(self.radius - reach, self.radius + reach + 1)
        window[inner, inner] = 1
        brought = (self._patches[self.chosen].unflatten(1, (channels, -1)) * window.flatten()).flatten(1)
        total = self._overlaid(brought * weight[:, None])
        weights = self._overlaid(weight[:, None] * window.flatten())
        return torch.where(self.hole, total / weights.clamp_min(1e-12), self.picture)

    def _overlaid(self, patches: Tensor) -> Tensor:
        """Sum of patches `[n, C·k²]` laid over the targets, `[C, H, W]`."""
        (height, width), r = self._size, self.radius
        columns = patches.new_zeros(patches.shape[1], height * width)
        columns[:, self._in_frame] = patches.T
        summed = functional.fold(columns[None], (height + 2 * r, width + 2 * r), 2 * r + 1)[0]
        frame = summed[:, r : r + height, r : r + width]
        right, below = self.width - self._left - width, self.height - self._top - height
        return functional.pad(frame, (self._left, right, self._top, below))

    def _patches_of(self, picture: Tensor, corner: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """The patch around each position of a frame of `[C, H, W]`, edges repeated, `[h·w, C·k²]`."""
        padded = functional.pad(picture[None], (self.radius,) * 4, mode="replicate")
        rows = slice(corner[0], corner[0] + size[0] + 2 * self.radius)
        columns = slice(corner[1], corner[1] + size[1] + 2 * self.radius)
        return functional.unfold(padded[..., rows, columns], 2 * self.radius + 1)[0].T.contiguous()

    def _moved(self, rows: Tensor, columns: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
        """Positions moved, and whether they are in the picture still; those that are not are 0."""
        rows, columns = rows + down, columns + right
        inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        return torch.where(inside, rows * self.width + columns, 0), inside

    def _take_better(self, wanted: Tensor, offered: Tensor, possible: Tensor) -> None:
        possible = possible & self.is_source[offered] & (offered != self.chosen)
        which = possible.nonzero()[:, 0]
        cost = self._cost_of(wanted, which, offered[which])
        better = cost < self.cost[which]
        which, cost = which[better], cost[better]
        self.cost = self.cost.index_copy(0, which, cost)
        self.chosen = self.chosen.index_copy(0, which, offered[which])

    def _cost_of(self, wanted: Tensor, which: Tensor, offered: Tensor) -> Tensor:
        """Of taking the patches at `offered` for the targets number `which`."""
        unlike = self._patches.index_select(0, offered).mul_(self._scale.index_select(0, which))
        unlike = unlike.sub_(wanted.index_select(0, which)).square_().sum(dim=1)
        return unlike + (self._guide[self.targets[which]] - self._guide[offered]).square_().sum(dim=1)


def dilated(hole: Tensor, radius: int) -> Tensor:
    """Bool `[H, W]`, grown by `radius` positions, corners included."""
    grown = functional.max_pool2d(hole[None, None].float(), (2 * radius + 1, 1), 1, (radius, 0))
    return functional.max_pool2d(grown, (1, 2 * radius + 1), 1, (0, radius))[0, 0] > 0


def is_deeper(hole: Tensor, radius: int) -> bool:
    """Whether some position of the bool `[H, W]` hole is more than `radius` positions from a known one."""
    return not bool(dilated(~hole, radius).all())


def _depth(hole: Tensor) -> Tensor:
    """How far the positions of a hole are from the rim, `[H, W]`; at most `_DEEPEST`."""
    depth, left = hole.float(), hole
    for _ in range(_DEEPEST - 1):
        left = ~dilated(~left, 1)
        if not left.any():
            break
        depth += left
    return depth


def _upper_quartile(cost: Tensor) -> Tensor:
    return cost.kthvalue(max(1, round(0.75 * len(cost)))).values.clamp_min(1e-5)
