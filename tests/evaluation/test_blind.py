"""The key says which column is whose; the sheet does not."""

import json

import numpy as np
from PIL import Image

from latent_inpaint.evaluation.blind import write_blind
from latent_inpaint.evaluation.page import ReportPicture
from latent_inpaint.sheets import GAP, HEADER

SIDE = 16
LEVELS = {"dark": 64, "grey": 128, "light": 192}


def picture(name, methods=tuple(LEVELS)):
    hole = np.zeros((SIDE, SIDE), bool)
    hole[4:12, 4:12] = True
    results = {method: np.full((SIDE, SIDE, 3), LEVELS[method], np.uint8) for method in methods}
    return ReportPicture(name, np.full((SIDE, SIDE, 3), 25, np.uint8), hole, results)


def test_a_blind_sheet_and_its_key(tmp_path):
    pictures = [picture(f"{i:02}") for i in range(8)]
    write_blind(tmp_path, list(LEVELS), [picture("failed", ["dark", "grey"]), *pictures], seed=1)
    rows = json.loads((tmp_path / "blind_key.json").read_text())["rows"]
    assert [row["picture"] for row in rows] == [one.name for one in pictures]
    assert len({tuple(row["columns"]) for row in rows}) > 1
    sheet = np.asarray(Image.open(tmp_path / "blind.webp").convert("RGB")).astype(int)
    margin = sheet.shape[1] - 4 * SIDE - 3 * GAP
    for number, row in enumerate(rows):
        y = HEADER + number * (SIDE + GAP) + SIDE // 2
        for column, method in enumerate(row["columns"]):
            x = margin + (column + 1) * (SIDE + GAP) + SIDE // 2
            assert abs(sheet[y, x].mean() - LEVELS[method]) < 12


def test_no_picture_no_sheet(tmp_path):
    write_blind(tmp_path, ["grey"], [])
    assert json.loads((tmp_path / "blind_key.json").read_text()) == {"rows": []}
    assert not (tmp_path / "blind.webp").exists()
