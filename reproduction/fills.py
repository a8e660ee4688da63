"""A sheet of everyday repairs: scratches, text, a wire, an object, dust; by every method that is asked for.

    python -m reproduction.fills --output docs/fills.webp --models telea patchmatch fast quality
    python -m reproduction.fills --output docs/use.jpg --models quality --repairs scratches wire

The photographs are scikit-image's, 512 to 1,411 pixels long; what is shown is cut out at its own scale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import latent_inpaint
from latent_inpaint.commands.script import run_script
from latent_inpaint.sheets import sheet

SIDE = 256
PAINT = (232, 60, 60)
Draw = Callable[[ImageDraw.ImageDraw], None]


def scratches(draw: ImageDraw.ImageDraw) -> None:
    """Three lines of 5 pixels."""
    for line in ((230, 60, 470, 250), (300, 40, 290, 280), (240, 220, 460, 90)):
        draw.line(line, fill=255, width=5)


def text(draw: ImageDraw.ImageDraw) -> None:
    """A word in letters of 60 pixels."""
    draw.text((150, 60), "SAMPLE", fill=255, font=ImageFont.load_default(size=60))


def wire(draw: ImageDraw.ImageDraw) -> None:
    """Two lines of 7 pixels from one side to the other."""
    for y in (150, 190):
        draw.line((0, y, 640, y + 60), fill=255, width=7)


def thing(draw: ImageDraw.ImageDraw) -> None:
    """Something round, 130 pixels across."""
    draw.ellipse((250, 170, 380, 300), fill=255)


def dust(draw: ImageDraw.ImageDraw) -> None:
    """Sixty specks of 5 to 25 pixels."""
    rng = np.random.default_rng(0)
    for x, y, r in zip(*rng.integers(580, 840, (2, 60)), rng.integers(3, 13, 60), strict=True):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)


REPAIRS: dict[str, tuple[str, tuple[int, int], Draw]] = {
    "scratches": ("coffee", (222, 40), scratches),
    "text": ("astronaut", (150, 0), text),
    "wire": ("rocket", (230, 60), wire),
    "object": ("rocket", (190, 100), thing),
    "dust": ("retina", (582, 582), dust),
}
"""Name → photograph of `skimage.data`, left and top of what is shown, what is drawn."""


def repairs(models: list[str], names: list[str]) -> dict[str, np.ndarray]:
    """Of the repairs `names` columns of `[B, 256, 256, 3]`: with the hole, by each model, as it was."""
    from skimage import data

    loaded = {name: latent_inpaint.load(name) for name in models}
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("hole", *models, "before")}
    for photograph, (left, top), draw in (REPAIRS[name] for name in names):
        picture = Image.fromarray(getattr(data, photograph)())
        mask = Image.new("L", picture.size)
        draw(ImageDraw.Draw(mask))
        mask = mask.point(lambda level: 255 if level else 0)
        painted = Image.composite(Image.new("RGB", picture.size, PAINT), picture, mask)
        results = {name: model.inpaint(painted, mask) for name, model in loaded.items()}
        for name, shown in ({"hole": painted} | results | {"before": picture}).items():
            columns[name].append(np.asarray(shown.crop((left, top, left + SIDE, top + SIDE))))
    return {name: np.stack(cells) for name, cells in columns.items()}


def fill(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("--output", type=Path, default=Path("docs/fills.webp"))
    parser.add_argument("--models", nargs="+", default=["telea", "fast", "quality"])
    parser.add_argument("--repairs", nargs="+", choices=REPAIRS, default=list(REPAIRS))


def run(options: argparse.Namespace) -> None:
    """Write the sheet."""
    sheet(repairs(options.models, options.repairs), options.repairs).save(options.output, quality=90)
    print(options.output)


if __name__ == "__main__":
    sys.exit(
        run_script("fills", __doc__ or "", "  python -m reproduction.fills --models telea quality", fill, run)
    )
