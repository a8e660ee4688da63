"""The lines of the report: what was measured, its target, what it is compared with, and what limits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from latent_inpaint.markdown import markdown_table

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("benchmark", "measured", "target", "reached", "compared with", "limit")
NUMBERS = ("measured", "target")


@dataclass(frozen=True)
class Line:
    """One benchmark.

    Args:
        name: what is measured.
        value: the measured ratio or rate.
        target: what is to be reached; None where there is nothing to reach.
        compared_with: what the ratio's denominator is, or what a rate counts.
        limit: what keeps it from being better.
        higher_is_better: direction.
        unit: of the value; empty for a ratio.
    """

    name: str
    value: float
    target: float | None
    compared_with: str
    limit: str
    higher_is_better: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.higher_is_better else self.value <= self.target

    def cells(self) -> tuple[str, ...]:
        """The line as it is printed, in the order of `COLUMNS`."""
        sign = "≥" if self.higher_is_better else "≤"
        target = "–" if self.target is None else f"{sign} {_number(self.target)}"
        reached = {None: "–", True: "yes", False: "no"}[self.reached]
        value = f"{_number(self.value)} {self.unit}".strip()
        return self.name, value, target, reached, self.compared_with, self.limit

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"reached": self.reached}


def console_table(lines: Sequence[Line], title: str) -> Table:
    """The lines as a `rich` table."""
    from rich.table import Table

    table = Table(title=title, show_lines=True)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in NUMBERS else "left")
    colours = {None: "", True: "green", False: "red"}
    for line in lines:
        table.add_row(*line.cells(), style=colours[line.reached])
    return table


def markdown_lines(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    numbers = [index for index, name in enumerate(COLUMNS) if name in NUMBERS]
    return markdown_table(COLUMNS, [line.cells() for line in lines], numbers)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
