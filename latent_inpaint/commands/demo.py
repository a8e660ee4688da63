"""The command `demo`: a picture with a wire across it, and the wire's mask, drawn by rule."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path


def fill(command: argparse.ArgumentParser) -> None:
    """Its arguments."""
    command.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where to write (here)")
    command.add_argument("--overwrite", action="store_true", help="write over files of these names")


def run(options: Namespace) -> None:
    """Write both, and say what to do with them."""
    from latent_inpaint.inference.demo import draw
    from latent_inpaint.inference.files import check_folder, write_picture

    options.output.mkdir(parents=True, exist_ok=True)
    check_folder(options.output)
    paths = [options.output / name for name in ("demo.png", "demo_mask.png")]
    for path in paths:
        if path.exists() and not options.overwrite:
            raise FileExistsError(f"{path}: is there already; --overwrite writes over it")
    for path, picture in zip(paths, draw()):
        write_picture(picture, path)
    output = options.output / "demo_repaired.png"
    print(f"{paths[0]}: a picture with a wire\n{paths[1]}: where the wire is\nnow try:")
    print(f"  latent-inpaint predict --image {paths[0]} --mask {paths[1]} --output {output}")
