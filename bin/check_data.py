"""Looks at a folder of pictures: counts, sizes, unreadable files (then the status is 1), and a sheet of
pictures with masks."""

import argparse
import logging
import os
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", help="the data folder, as in data.root")
    parser.add_argument("--places2", action="store_true", help="find the layouts of Places2 (data=places2)")
    parser.add_argument("--index-dir", default="outputs/index", help="for the index files of Places2")
    parser.add_argument("--masks", default="thick", help="preset of the masks on the sheet (default: thick)")
    parser.add_argument("--size", type=int, default=256, help="side of the crops on the sheet (default: 256)")
    parser.add_argument("--seed", type=int, default=0, help="of the masks")
    parser.add_argument("--sheet", type=Path, default=Path("check_data.png"), help="default: check_data.png")
    parser.add_argument("--limit", type=int, help="decode only so many pictures of each side")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    return parser.parse_args()


def main() -> bool:
    options = arguments()
    from latent_inpaint.data.check import check, overlay_sheet
    from latent_inpaint.data.layouts import FolderLayout, Layout
    from latent_inpaint.data.mask_sources import SeededMasks
    from latent_inpaint.data.masks import preset
    from latent_inpaint.data.places2 import Places2Layout

    masks = SeededMasks(preset(options.masks, options.size), options.seed)
    layout: Layout = Places2Layout(options.index_dir) if options.places2 else FolderLayout()
    splits = layout.splits(options.root)
    print(splits.description)
    sides = [(name, side) for name, side in (("train", splits.train), ("val", splits.val)) if len(side)]
    reports = [check(side, options.limit, options.workers) for _, side in sides]
    for (name, _), report in zip(sides, reports):
        print(*(f"{name}: {line}" for line in report.lines()), sep="\n")
    overlay_sheet(sides, masks, options.size, options.sheet)
    print(f"pictures with masks: {options.sheet}")
    return not any(report.unreadable for report in reports)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        sys.exit(0 if main() else 1)
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"check_data: {error}")
