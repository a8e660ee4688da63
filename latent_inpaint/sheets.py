"""Sheets of pictures: one row a picture, one named column each of input, mask, prediction, …"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from latent_inpaint.pictures.opening import open_picture

GAP = 4
HEADER = 18
_LAYOUT_KEY = "latent_inpaint_columns"


def to_uint8(images: Tensor) -> np.ndarray:
    """`[B, C, H, W]` in [0, 1] → `[B, H, W, C]` uint8, rounded; values outside are clipped."""
    array = (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
    return array.cpu().numpy()


def sheet(columns: Mapping[str, np.ndarray], rows: Sequence[str] = ()) -> Image.Image:
    """A sheet of named columns.

    Args:
        columns: title → `[B, H, W, 3]` uint8; the same shape for all.
        rows: a name for each row, written to its left; empty for none.
    """
    arrays = list(columns.values())
    count, height, width = arrays[0].shape[:3]
    font = ImageFont.load_default(size=11)
    margin = int(max((font.getlength(name) for name in rows), default=-8)) + 8
    size = (margin + len(arrays) * (width + GAP) - GAP, HEADER + count * (height + GAP) - GAP)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    tops = [HEADER + row * (height + GAP) for row in range(count)]
    for top, name in zip(tops, rows):
        draw.text((2, top + height // 2 - 6), name, fill="black", font=font)
    for column, (title, array) in enumerate(columns.items()):
        left = margin + column * (width + GAP)
        draw.text((left + 2, 2), title, fill="black", font=font)
        for top, pixels in zip(tops, array):
            canvas.paste(Image.fromarray(pixels), (left, top))
    return canvas


def save_sheet(columns: Mapping[str, Tensor], path: str | Path) -> Path:
    """Write named columns `[B, 3, H, W]` in [0, 1] as one PNG that `read_column` can take apart again."""
    arrays = {title: to_uint8(images) for title, images in columns.items()}
    info = PngInfo()
    shape = next(iter(arrays.values())).shape
    info.add_text(_LAYOUT_KEY, json.dumps({"titles": list(arrays), "shape": list(shape)}))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet(arrays).save(path, pnginfo=info)
    return path


def read_column(path: str | Path, title: str) -> np.ndarray | None:
    """The column `title` of a sheet written by `save_sheet`, `[B, H, W, 3]` uint8, or None if it has none."""
    with open_picture(path, ("PNG",)) as picture:
        layout = json.loads(picture.info.get(_LAYOUT_KEY, '{"titles": []}'))
        pixels = np.asarray(picture.convert("RGB"))
    if title not in layout["titles"]:
        return None
    count, height, width = layout["shape"][:3]
    left = layout["titles"].index(title) * (width + GAP)
    tops = [HEADER + row * (height + GAP) for row in range(count)]
    return np.stack([pixels[top : top + height, left : left + width] for top in tops])


def progress_sheet(folder: str | Path, columns: tuple[str, str, str], most: int = 8) -> Image.Image:
    """Progress over time, from the sheets `step_<number>.png` of a folder.

    Args:
        folder: where the sheets are.
        columns: titles of the first column, of the column that changes over time, and of the last column.
        most: number of times shown at the most, spread evenly, the first and the newest among them.
    """
    first, changing, last = columns
    paths = sorted(Path(folder).glob("step_*.png"))
    chosen = sorted({round(i) for i in np.linspace(0, len(paths) - 1, min(most, len(paths)))})
    shown: dict[str, np.ndarray] = {}
    for path in [paths[i] for i in chosen]:
        column = read_column(path, changing)
        if column is not None:
            shown[f"step {int(path.stem.removeprefix('step_'))}"] = column
    ends = {title: read_column(paths[-1], title) for title in (first, last)}
    present = {title: column for title, column in ends.items() if column is not None}
    return sheet({t: c for t, c in present.items() if t == first} | shown | present)
