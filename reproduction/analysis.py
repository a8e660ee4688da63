"""Arithmetic of the report: interpolated curves, means over seeds, changes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def interpolated(xs: Sequence[float], ys: Sequence[float], x: float) -> float | None:
    """The piecewise linear curve through (xs, ys) at `x`; None outside of it.

    Args:
        xs: ascending.
        ys: as many.
        x: where.
    """
    if not xs or not xs[0] <= x <= xs[-1]:
        return None
    right = next(i for i, value in enumerate(xs) if value >= x)
    if xs[right] == x:
        return ys[right]
    share = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


def first_below(xs: Sequence[float], ys: Sequence[float], level: float) -> float | None:
    """Where the piecewise linear curve first is at most `level`; None if nowhere."""
    for i, y in enumerate(ys):
        if y > level:
            continue
        if i == 0:
            return xs[0]
        return xs[i - 1] + (xs[i] - xs[i - 1]) * (ys[i - 1] - level) / (ys[i - 1] - y)
    return None


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: the mean.
        deviation: the seeds' standard deviation (n − 1 in the denominator); None for one seed.
        count: of seeds.
    """

    value: float
    deviation: float | None
    count: int

    def text(self, digits: int) -> str:
        """`52.1 ± 0.8`, or the value alone where there is one seed."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.{digits}f}"
        return f"{self.value:.{digits}f}{spread}"


def mean(values: Sequence[float | None]) -> Mean | None:
    """The mean of the values that were measured; None if there are none."""
    there = [value for value in values if value is not None and math.isfinite(value)]
    if not there:
        return None
    deviation = statistics.stdev(there) if len(there) > 1 else None
    return Mean(statistics.fmean(there), deviation, len(there))


def change(value: float, reference: float) -> float:
    """The relative change, −0.25 for a quarter less."""
    return value / reference - 1


def percent(share: float) -> str:
    """A relative change in words: `+7.0 %`, `−25.3 %`."""
    return f"{'−' if share < 0 else '+'}{abs(share) * 100:.1f} %"
