"""The rows of a table on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latent_inpaint.files import read_json, write_json

ROWS_NAME = "metrics.json"
ERROR_NAME = "error.txt"  # of a failed job of a sweep


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows of a table in the format of `metrics.json`."""
    return write_json(path, {"rows": list(rows)})


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a `metrics.json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in that format.
    """
    content = read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    complete = isinstance(rows, list) and all(
        isinstance(row, dict) and {"method", "metrics", "card"} <= row.keys() for row in rows
    )
    if not isinstance(rows, list) or not complete:
        raise ValueError(f"{path}: expected {{'rows': [{{'method', 'metrics', 'card'}}, …]}}")
    return rows
