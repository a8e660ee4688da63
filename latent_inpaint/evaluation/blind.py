"""A blind sheet: the methods' results in random columns, and the key in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import show, spread
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.evaluation.page import INPUT_GREY, ReportPicture
from latent_inpaint.evaluation.pictures import PictureValues
from latent_inpaint.files import write_json
from latent_inpaint.sheets import sheet

SHEET_NAME, KEY_NAME = "blind.webp", "blind_key.json"


def write_blind(
    folder: Path,
    methods: Sequence[Method],
    loader: Iterable[Batch],
    values: PictureValues,
    count: int,
    seed: int = 0,
) -> None:
    """Write `blind.webp`, to be ranked by eye, and `blind_key.json`, to be opened afterwards.

    Pictures are spread over the hole areas, and come only where all methods have a result. The key says for
    each row the picture, and the method of each column.

    Args:
        folder: gets both files.
        methods: what is compared; none that sees the truth.
        loader: gives the evaluation's pictures and masks.
        values: metrics picture by picture.
        count: pictures, at most.
        seed: of the columns, and of methods that draw.
    """
    names, wanted = [method.name for method in methods], spread(values, count)
    shown = show(methods, loader, {name: set(names) for name in wanted}, values, seed)
    pictures = [shown[name] for name in wanted if name in shown and len(shown[name].results) == len(names)]
    rng = np.random.default_rng(seed)
    orders = [[names[i] for i in rng.permutation(len(names))] for _ in pictures]
    columns = {"hole": np.stack([_with_grey_hole(picture) for picture in pictures])} if pictures else {}
    for column in range(len(names) if pictures else 0):
        of_rows = zip(pictures, orders, strict=True)
        columns[chr(ord("A") + column)] = np.stack([one.results[order[column]] for one, order in of_rows])
    if columns:
        numbers = [str(row + 1) for row in range(len(pictures))]
        sheet(columns, numbers).save(folder / SHEET_NAME, quality=90)
    rows = [{"picture": one.name, "columns": order} for one, order in zip(pictures, orders, strict=True)]
    write_json(folder / KEY_NAME, {"rows": rows})


def _with_grey_hole(picture: ReportPicture) -> np.ndarray:
    return np.where(picture.hole[..., None], INPUT_GREY, picture.truth).astype(np.uint8)
