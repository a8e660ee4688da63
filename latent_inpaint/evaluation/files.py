"""Results on the disk: whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

ROWS_NAME = "metrics.json"
ERROR_NAME = "error.txt"  # of a failed job of a sweep


def write_atomic(path: Path, content: str) -> Path:
    """Write a text file in one step; see `replace_atomically`."""
    return replace_atomically(path, lambda file: file.write(content.encode()))


def replace_atomically(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Let `write` fill a file beside its final name, flush it to the disk, rename it; return `path`.

    Raises:
        OSError: the file could not be written (a full disk, say). A file that was there before stays.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        message = f"{path}: could not be written ({reason}); what was written before is kept"
        raise OSError(error.errno, message) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as strict JSON: numbers that are not finite become null."""
    return write_atomic(
        path, json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows of a table in the format of `metrics.json`."""
    return write_json(path, {"rows": list(rows)})


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a `metrics.json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in that format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from error
    rows = content.get("rows") if isinstance(content, dict) else None
    complete = isinstance(rows, list) and all(
        isinstance(row, dict) and {"method", "metrics", "card"} <= row.keys() for row in rows
    )
    if not isinstance(rows, list) or not complete:
        raise ValueError(f"{path}: expected {{'rows': [{{'method', 'metrics', 'card'}}, …]}}")
    return rows


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
