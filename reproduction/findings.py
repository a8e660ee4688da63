"""All results of one report, with the questions that its tables ask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from reproduction.analysis import Mean, change, first_below, interpolated, mean
from reproduction.results import Result
from reproduction.rows import Row


@dataclass(frozen=True)
class Results:
    """The rows, and what their runs measured.

    Attributes:
        rows: all rows, also those without a result.
        measured: results, of finished runs and of such that were begun.
        states: run's name (`row/seed0`) → where a run stands that is not finished.
        steps: of each run.
    """

    rows: Sequence[Row]
    measured: Sequence[Result]
    states: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    @cached_property
    def by_row(self) -> dict[str, dict[int, Result]]:
        """Row's name → seed → result; every row is there."""
        found: dict[str, dict[int, Result]] = {row.name: {} for row in self.rows}
        for result in self.measured:
            found[result.row][result.seed] = result
        return found

    def of(self, row: str) -> list[Result]:
        """A row's results, by seed."""
        return [result for _, result in sorted(self.by_row.get(row, {}).items())]

    @property
    def finished(self) -> int:
        """The number of runs that trained all their steps."""
        return sum(result.steps >= self.steps for result in self.measured)

    @property
    def levels(self) -> list[int]:
        """The numbers of steps at which rows are compared: all that were asked for, if a row trained them,
        the most that all seeds trained of the rows that have several, and the most that all rows trained."""
        ends = [last for row in self.rows if (last := self.last_step(row.name)) is not None]
        found = [self.of(row.name) for row in self.rows]
        seeds = [min(result.steps for result in of_row) for of_row in found if len(of_row) > 1]
        levels = {self.steps} & set(ends) | set(sorted(seeds)[:1]) | set(sorted(ends)[:1])
        return sorted(levels, reverse=True)

    def is_finished(self, row: str) -> bool:
        """Whether a row trained all steps with one seed at least."""
        return (self.last_step(row) or 0) >= self.steps

    def reached(self, steps: int) -> list[str]:
        """Names of the rows that trained so many steps with one seed at least."""
        return [name for name, found in self.by_row.items() if any(r.steps >= steps for r in found.values())]

    def state(self, row: Row) -> str:
        """Where a row without results stands, in two words."""
        said = [self.states.get(f"{row.name}/seed{seed}", "not run yet") for seed in row.seeds]
        begun = [state for state in said if state != "not run yet"]
        return begun[0].split(":")[0].split(",")[0] if begun else "not run yet"

    def last_step(self, row: str) -> int | None:
        """The most steps that a seed of a row trained."""
        return max((result.steps for result in self.of(row)), default=None)

    def at_step(self, row: str, metric: str, steps: int) -> Mean | None:
        """The mean of a metric after so many steps, over a row's seeds that trained them."""
        return mean([result.at_step(metric, steps) for result in self.of(row)])

    def per_step(self, row: str) -> Mean | None:
        """The mean of the seconds of computing that a step takes."""
        return mean([result.seconds_per_step for result in self.of(row)])

    @property
    def levels_of_seconds(self) -> list[float]:
        """The seconds of computing at which rows are compared: the most that all finished rows reached, and
        the most that all rows reached."""
        longest = {row.name: max((r.seconds for r in self.of(row.name)), default=None) for row in self.rows}
        there = {name: seconds for name, seconds in longest.items() if seconds is not None}
        finished = [seconds for name, seconds in there.items() if self.is_finished(name)]
        levels = {min(seconds) for seconds in (finished, list(there.values())) if seconds}
        return sorted(levels, reverse=True)

    def at_seconds(self, row: str, metric: str, seconds: float) -> Mean | None:
        """The mean of a metric's curve after so many seconds, over a row's seeds that reached them."""
        return mean([_at(result, metric, seconds) for result in self.of(row)])

    def steps_at(self, row: str, seconds: float) -> Mean | None:
        """The mean number of steps trained after so many seconds."""
        steps = [interpolated([0, *r.curves.seconds], [0, *r.curves.steps], seconds) for r in self.of(row)]
        return mean(steps)

    def pairs(self, row: str, reference: str) -> list[tuple[Result, Result]]:
        """Results of two rows with the same seed."""
        one, other = self.by_row.get(row, {}), self.by_row.get(reference, {})
        return [(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]

    def shared_steps(self, row: str, reference: str) -> int | None:
        """The most steps that two rows both trained with one seed at least."""
        return max((min(a.steps, b.steps) for a, b in self.pairs(row, reference)), default=None)

    def steps_of_all_seeds(self, row: str, reference: str) -> int | None:
        """The most steps that two rows both trained with each seed that both have; None where that says no
        more than `shared_steps`."""
        trained = [min(a.steps, b.steps) for a, b in self.pairs(row, reference)]
        return min(trained) if trained and min(trained) < max(trained) else None

    def compared(
        self, row: str, reference: str, metric: str, steps: int | None = None
    ) -> tuple[Mean, Mean] | None:
        """Means of a metric of two rows after so many steps, by default `shared_steps`, over the seeds that
        both trained as long; None without any."""
        steps = steps or self.shared_steps(row, reference)
        if steps is None:
            return None
        pairs = self.pairs(row, reference)
        return _means([(a.at_step(metric, steps), b.at_step(metric, steps)) for a, b in pairs])

    def basis(self, row: str, reference: str, steps: int | None = None) -> str:
        """What `compared` is founded on: `6000 steps, seed 0`."""
        steps = steps or self.shared_steps(row, reference) or 0
        seeds = [str(a.seed) for a, b in self.pairs(row, reference) if min(a.steps, b.steps) >= steps]
        return f"{steps} steps, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"

    def step_change(self, row: str, reference: str) -> float | None:
        """How much more (or less) a row's step costs than another one's, over the seeds that both have."""
        pairs = self.pairs(row, reference)
        changes = mean([change(a.seconds_per_step, b.seconds_per_step) for a, b in pairs])
        return None if changes is None else changes.value

    def shared_seconds(self, row: str, reference: str) -> float | None:
        """The most seconds of computing that two rows both reached with one seed at least."""
        return max((min(a.seconds, b.seconds) for a, b in self.pairs(row, reference)), default=None)

    def seconds_of_all_seeds(self, row: str, reference: str) -> float | None:
        """As `steps_of_all_seeds`, of the seconds of computing."""
        reached = [min(a.seconds, b.seconds) for a, b in self.pairs(row, reference)]
        return min(reached) if len(reached) > 1 else None

    def compared_at_equal_seconds(
        self, row: str, reference: str, metric: str, seconds: float | None = None
    ) -> tuple[Mean, Mean] | None:
        """As `compared`, after so many seconds of computing, by default `shared_seconds`."""
        seconds = seconds or self.shared_seconds(row, reference)
        if seconds is None:
            return None
        pairs = self.pairs(row, reference)
        return _means([(_at(a, metric, seconds), _at(b, metric, seconds)) for a, b in pairs])

    def time_share(self, row: str, reference: str, metric: str) -> Mean | None:
        """After what share of the other's training time a row is as low as the other's last value."""
        return mean([_share(a, b, metric) for a, b in self.pairs(row, reference)])


def _means(pairs: Sequence[tuple[float | None, float | None]]) -> tuple[Mean, Mean] | None:
    """The means of two rows' values over the seeds that have both."""
    whole = [(a, b) for a, b in pairs if a is not None and b is not None and math.isfinite(a + b)]
    one, other = mean([a for a, _ in whole]), mean([b for _, b in whole])
    return (one, other) if one and other else None


def _at(result: Result, metric: str, seconds: float) -> float | None:
    series = result.curves.values.get(metric)
    return None if series is None else interpolated(result.curves.seconds, series, seconds)


def _share(result: Result, reference: Result, metric: str) -> float | None:
    level, series = reference.metrics.get(metric), result.curves.values.get(metric)
    if level is None or series is None:
        return None
    seconds = first_below(result.curves.seconds, series, level)
    return None if seconds is None else seconds / reference.seconds
