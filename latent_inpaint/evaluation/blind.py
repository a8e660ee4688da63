"""A blind sheet: the methods' results in random columns, and the key in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latent_inpaint.evaluation.page import ReportPicture
from latent_inpaint.files import write_json
from latent_inpaint.sheets import sheet

SHEET_NAME, KEY_NAME = "blind.webp", "blind_key.json"


def write_blind(
    folder: Path, methods: Sequence[str], pictures: Sequence[ReportPicture], seed: int = 0
) -> None:
    """Write `blind.webp`, to be ranked by eye, and `blind_key.json`, to be opened afterwards.

    The key says for each row the picture, and the method of each column.

    Args:
        folder: gets both files.
        methods: names of what is compared; none that sees the truth.
        pictures: candidates; those come that have a result of every method.
        seed: of the columns.
    """
    shown = [picture for picture in pictures if all(method in picture.results for method in methods)]
    rng = np.random.default_rng(seed)
    orders = [[methods[i] for i in rng.permutation(len(methods))] for _ in shown]
    if shown:
        columns = {"hole": np.stack([picture.masked for picture in shown])}
        for column in range(len(methods)):
            of_rows = zip(shown, orders, strict=True)
            results = [picture.results[order[column]] for picture, order in of_rows]
            columns[chr(ord("A") + column)] = np.stack(results)
        sheet(columns, [str(row + 1) for row in range(len(shown))]).save(folder / SHEET_NAME, quality=90)
    rows = [{"picture": one.name, "columns": order} for one, order in zip(shown, orders, strict=True)]
    write_json(folder / KEY_NAME, {"rows": rows})
