"""Contact sheets: rows of small pictures with a caption each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

_GAP, _CAPTION = 4, 14


def overlay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]` with the hole of a bool mask `[H, W]` tinted red."""
    tinted = image // 2 + np.array([127, 0, 0], dtype=np.uint8)
    return np.where(mask[..., None], tinted, image)


def contact_sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]], tile: int) -> Image.Image:
    """Puts pictures side by side.

    Args:
        rows: a caption and its pictures, uint8 `[H, W, 3]` or bool `[H, W]` (True is drawn black).
        tile: side in pixels to which every picture is reduced.
    """
    columns = max(len(pictures) for _, pictures in rows)
    height = tile + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * (tile + _GAP) + _GAP, len(rows) * height + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (caption, pictures) in enumerate(rows):
        top = _GAP + number * height
        pen.text((_GAP, top), caption, fill="black")
        for column, picture in enumerate(pictures):
            sheet.paste(_tile(picture, tile), (_GAP + column * (tile + _GAP), top + _CAPTION))
    return sheet


def _tile(picture: np.ndarray, side: int) -> Image.Image:
    if picture.dtype == bool:
        picture = np.where(picture[..., None], 40, 225).astype(np.uint8).repeat(3, axis=2)
    return Image.fromarray(picture).resize((side, side), Image.Resampling.BOX)


def manifest_sheet(paths: Sequence[Path], columns: int = 8, tile: int = 96) -> Image.Image:
    """The first masks of frozen sets, a row for each; 16 grey levels keep the file small."""
    from latent_inpaint.data.crops import Crop
    from latent_inpaint.data.frozen import FrozenMasks

    rows = []
    for path in paths:
        masks = FrozenMasks(str(path))
        side = masks.manifest.size
        crop = Crop.of((side, side), side)
        rows.append((path.stem.replace("_", " "), [masks.mask(i, "", crop) for i in range(columns)]))
    return contact_sheet(rows, tile).quantize(16)
