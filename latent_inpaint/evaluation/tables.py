"""Rows as tables: for the console, in Markdown, and what is best in each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latent_inpaint.markdown import markdown_table

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
LOG_WIDTH = 120
"""Characters in a line of a table that goes to a file instead of a terminal."""


@dataclass(frozen=True)
class Column:
    """A metric as it is printed.

    Args:
        key: its name in a row's `metrics`.
        title: its heading.
        higher_is_better: direction.
        digits: digits after the point.
    """

    key: str
    title: str
    higher_is_better: bool
    digits: int

    @property
    def heading(self) -> str:
        """The title with an arrow in the direction of better values."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"

    def text(self, value: float | None) -> str:
        """The printed value; a dash where there is none."""
        return "–" if value is None else f"{value:.{self.digits}f}"


COLUMNS = (
    Column("ssim", "SSIM", True, 4),
    Column("psnr", "PSNR", True, 2),
    Column("l1_hole", "L1 hole", False, 4),
    Column("pd_lite0", "PD-lite0", False, 4),
    Column("fd_lite0", "FD-lite0", False, 2),
    Column("fid", "FID", False, 2),
    Column("fid_clean", "FID clean", False, 2),
    Column("lpips", "LPIPS", False, 4),
    Column("p_ids", "P-IDS", True, 4),
    Column("u_ids", "U-IDS", True, 4),
    Column("judge", "Judge", False, 3),
    Column("diversity", "Diversity", True, 4),
    Column("diversity_lpips", "Diversity LPIPS", True, 4),
    Column("l1_mean", "L1 of the mean", False, 4),
    Column("pd_mean", "PD of the mean", False, 4),
    Column("l1_chosen", "L1 of the chosen", False, 4),
    Column("pd_chosen", "PD of the chosen", False, 4),
)


def used_columns(rows: Sequence[Row]) -> list[Column]:
    """The columns of which at least one row has a value."""
    return [c for c in COLUMNS if any(row["metrics"].get(c.key) is not None for row in rows)]


def best_rows(rows: Sequence[Row], column: Column) -> set[int]:
    """Indices of the rows that print the best value of a column; rows that saw the truth do not take part."""
    fair = {
        index: row["metrics"][column.key]
        for index, row in enumerate(rows)
        if row["metrics"].get(column.key) is not None and not row["card"].get("sees_truth", False)
    }
    if not fair:
        return set()
    best = max(fair.values()) if column.higher_is_better else min(fair.values())
    return {index for index, value in fair.items() if column.text(value) == column.text(best)}


def markdown_rows(rows: Sequence[Row], first: str = "method") -> str:
    """The rows as a Markdown table, the best of each column in bold.

    Args:
        rows: rows of `metrics.json`.
        first: key of the rows whose value names them in the first column.
    """
    columns = used_columns(rows)
    best = {column: best_rows(rows, column) for column in columns}
    lines = []
    for index, row in enumerate(rows):
        cells = [c.text(row["metrics"].get(c.key)) for c in columns]
        cells = [f"**{cell}**" if index in best[c] else cell for c, cell in zip(columns, cells)]
        lines.append([str(row[first]), *cells, *_counts(row, rows)])
    return markdown_table([first, *(column.heading for column in columns), *_count_headings(rows)], lines)


def console_table(rows: Sequence[Row], title: str, first: str = "method") -> Table:
    """The rows as a `rich` table, the best of each column in bold; see `markdown_rows`."""
    from rich.table import Table

    columns = used_columns(rows)
    best = {column: best_rows(rows, column) for column in columns}
    table = Table(title=title)
    table.add_column(first, no_wrap=True)
    for heading in [*(column.heading for column in columns), *_count_headings(rows)]:
        table.add_column(heading, justify="right")
    for index, row in enumerate(rows):
        cells = [c.text(row["metrics"].get(c.key)) for c in columns]
        cells = [f"[bold green]{cell}[/]" if index in best[c] else cell for c, cell in zip(columns, cells)]
        table.add_row(str(row[first]), *cells, *_counts(row, rows))
    return table


def _count_headings(rows: Sequence[Row]) -> list[str]:
    return ["n", "s/image", *(["calls"] if any("calls" in row["card"] for row in rows) else [])]


def _counts(row: Row, rows: Sequence[Row]) -> list[str]:
    card = row["card"]
    failed = card.get("n_failed", 0)
    images = str(card.get("n_images", "–")) + (f" ({failed} failed)" if failed else "")
    seconds = card.get("timing", {}).get("seconds_per_image")
    cells = [images, "–" if seconds is None else f"{seconds:.3f}", str(card.get("calls", "–"))]
    return cells[: len(_count_headings(rows))]
