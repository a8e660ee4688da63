"""Values picture by picture, and which pictures are worth looking at."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from latent_inpaint.evaluation.tables import COLUMNS
from latent_inpaint.files import write_text
from latent_inpaint.metrics.suite import MetricSuite

PictureValues = dict[str, dict[str, dict[str, float]]]
"""Method → picture → `hole_fraction` and metrics; metrics that were not measured are left out."""


def picture_values(suite: MetricSuite, methods: Sequence[str]) -> PictureValues:
    """What a suite measured, by method and picture."""
    stored = suite.state_dict()["methods"]
    values: PictureValues = {}
    for method in methods:
        if method not in stored:
            values[method] = {}
            continue
        columns = ("hole_fraction", *stored[method]["columns"])
        rows = {
            n: dict(zip(columns, r.tolist())) for n, r in zip(stored[method]["names"], stored[method]["rows"])
        }
        values[method] = {
            name: {column: value for column, value in row.items() if not math.isnan(value)}
            for name, row in rows.items()
        }
    return values


def write_pictures(path: Path, values: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Path:
    """Write a CSV file with one line for each method and picture."""
    used = {column for pictures in values.values() for row in pictures.values() for column in row}
    columns = ["hole_fraction", *(c.key for c in COLUMNS if c.key in used)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "picture", *columns])
    for method, pictures in values.items():
        for name, row in pictures.items():
            writer.writerow([method, name, *(f"{row[c]:.6g}" if c in row else "" for c in columns)])
    return write_text(path, text.getvalue())
