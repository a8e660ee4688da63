"""The key says which column is whose; the sheet does not."""

import json

import numpy as np
import torch
from PIL import Image

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.blind import write_blind
from latent_inpaint.evaluation.methods import GreyFill
from latent_inpaint.sheets import GAP, HEADER

SIDE = 16


def test_a_blind_sheet_and_its_key(tmp_path, monkeypatch):
    image, mask = torch.full((12, 3, SIDE, SIDE), 0.1), torch.zeros(12, 1, SIDE, SIDE)
    mask[..., 4:12, 4:12] = 1
    names = [f"{i:02}" for i in range(12)]
    levels = {"dark": 0.25, "grey": 0.5, "light": 0.75}
    methods = [GreyFill(level, name) for name, level in levels.items()]
    values = {name: {n: {"hole_fraction": i / 12} for i, n in enumerate(names)} for name in levels}
    write_blind(tmp_path, methods, [Batch(image, mask, names)], values, 8, seed=1)
    rows = json.loads((tmp_path / "blind_key.json").read_text())["rows"]
    assert len(rows) == 8 and len({tuple(row["columns"]) for row in rows}) > 1
    sheet = np.asarray(Image.open(tmp_path / "blind.webp").convert("RGB")).astype(int)
    margin = sheet.shape[1] - 4 * SIDE - 3 * GAP
    for number, row in enumerate(rows):
        y = HEADER + number * (SIDE + GAP) + SIDE // 2
        for column, method in enumerate(row["columns"]):
            x = margin + (column + 1) * (SIDE + GAP) + SIDE // 2
            assert abs(sheet[y, x].mean() - 255 * levels[method]) < 12


def test_no_picture_no_sheet(tmp_path):
    write_blind(tmp_path, [GreyFill(0.5, "grey")], [], {}, 8)
    assert json.loads((tmp_path / "blind_key.json").read_text()) == {"rows": []}
    assert not (tmp_path / "blind.webp").exists()
