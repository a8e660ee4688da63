"""The same held-out pictures as all rows fill them, side by side."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from latent_inpaint.sheets import read_column, sheet

log = logging.getLogger(__name__)

QUALITY = 70


def pictures_sheet(samples: Mapping[str, Path]) -> bytes | None:
    """A sheet as WebP: input, one column each row, truth; None where no run has samples.

    A run that shows other pictures or masks than the first one is left out with a warning.

    Args:
        samples: row's name → the sheet of samples of a validation, all with one seed, which decides on the
            masks.
    """
    ends: dict[str, np.ndarray] = {}
    columns: dict[str, np.ndarray] = {}
    for name, path in samples.items():
        found = _columns(path)
        if found is None:
            continue
        ends = ends or {title: found[title] for title in ("input", "truth")}
        if not all(np.array_equal(found[title], ends[title]) for title in ends):
            log.warning("%s: its samples show other pictures; left out of the sheet", name)
            continue
        columns[name] = found["composite"]
    if not columns:
        return None
    stream = io.BytesIO()
    sheet({"input": ends["input"], **columns, "truth": ends["truth"]}).save(
        stream, "WEBP", quality=QUALITY, method=6
    )
    return stream.getvalue()


def _columns(path: Path) -> dict[str, np.ndarray] | None:
    if not path.is_file():
        return None
    found = {title: read_column(path, title) for title in ("input", "composite", "truth")}
    present = {title: column for title, column in found.items() if column is not None}
    return present if len(present) == len(found) else None
