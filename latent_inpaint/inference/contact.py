"""A contact sheet: several fills of a picture side by side, to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from latent_inpaint.files import replacing
from latent_inpaint.pictures.deep import DeepPicture

SIDE, GAP = 512, 8


def sheet_path(output: Path) -> Path:
    """Where it goes: `out-sheet.jpg`."""
    return output.with_name(f"{output.stem}-sheet.jpg")


def write_contact_sheet(fills: Sequence[Image.Image | DeepPicture], path: Path) -> None:
    """Write the fills, each at most 512 pixels long, in up to four columns; the first is top left.

    Raises:
        OSError: the folder cannot be written.
    """
    shown = [_small(fill) for fill in fills]
    width, height = shown[0].size
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    size = (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for number, one in enumerate(shown):
        row, column = divmod(number, columns)
        sheet.paste(one, (column * (width + GAP), row * (height + GAP)))
    with replacing(path) as file:
        sheet.save(file, "JPEG", quality=90)


def _small(fill: Image.Image | DeepPicture) -> Image.Image:
    if isinstance(fill, DeepPicture):
        fill = fill.preview()
    if fill.mode.startswith("I"):  # 16 bit
        fill = fill.convert("I").point(lambda level: level / 256).convert("L")
    small = fill.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    return small
