"""The command `masks`: masks as PNG files for a folder of pictures, or a frozen set of them in a manifest."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from latent_inpaint.extras import needed_by

PRESETS = ("train", "varied", "wide", "box", "thin", "medium", "thick")


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("pictures", nargs="?", type=Path, help="folder of pictures, searched at any depth")
    parser.add_argument(
        "output", nargs="?", type=Path, help="folder for the masks: NAME_mask.png, white = hole"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--preset", choices=PRESETS, default="thick", help="random masks (default: thick)")
    source.add_argument("--manifest", help="a frozen set, such as masks/thick_256.json")
    source.add_argument(
        "--labels", help="folder of segmentation maps with the pictures' names: a region each"
    )
    source.add_argument("--outpainting", action="store_true", help="strips along the border")
    parser.add_argument("--size", type=int, default=256, help="side of the masks in pixels (default: 256)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--with-pictures", action="store_true", help="write the cropped pictures beside them")
    parser.add_argument(
        "--freeze", type=Path, metavar="JSON", help="write a manifest of a preset's masks instead"
    )
    parser.add_argument("--count", type=int, default=2000, help="number of frozen masks (default: 2000)")
    parser.add_argument(
        "--sheet", type=Path, metavar="PNG", help="draw the manifests that lie beside it instead"
    )


def run(options: argparse.Namespace) -> None:
    """Write masks, a manifest or a sheet."""
    if not (options.freeze or options.sheet or (options.pictures and options.output)):
        options.refuse("PICTURES and OUTPUT are needed, or --freeze JSON, or --sheet PNG")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with needed_by("masks", "evaluate"):
        from latent_inpaint.data import frozen, listing, mask_files, sheets
    if options.freeze:
        frozen.freeze(options.preset, options.size, options.seed, options.count).write(options.freeze)
    elif options.sheet:
        sheets.manifest_sheet(sorted(options.sheet.parent.glob("*.json"))).save(options.sheet, optimize=True)
    else:
        chosen = options.manifest, options.labels, options.outpainting
        masks = mask_files.source(options.preset, options.size, options.seed, *chosen)
        pictures = listing.list_pictures(options.pictures)
        print(mask_files.write_masks(pictures, masks, options.size, options.output, options.with_pictures))
