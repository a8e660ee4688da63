"""Markdown tables, written in one way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] | None = None
) -> str:
    r"""A Markdown table that ends with a newline; a `|` in a cell is escaped.

    Args:
        header: titles of the columns.
        rows: their cells, one for each column.
        numbers: columns that are aligned to the right, counted from 0; None: all but the first.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.

    Example:
        >>> print(markdown_table(["method", "SSIM ↑"], [["|mean|", "0.8"]]), end="")
        | method | SSIM ↑ |
        |---|---:|
        | \|mean\| | 0.8 |
    """
    right = range(1, len(header)) if numbers is None else numbers
    rule = "".join("---:|" if column in right else "---|" for column in range(len(header)))
    lines = [_line(header), "|" + rule]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"rows: expected {len(header)} cells, got {len(row)}: {list(row)}")
        lines.append(_line(row))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
