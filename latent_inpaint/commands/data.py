"""The command `data`: what is in a folder of pictures, and shards made of it."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from latent_inpaint.extras import needed_by


def fill(parser: argparse.ArgumentParser) -> None:
    """Add `check`, `shards` and `triplets` with their arguments."""
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    all_tasks = {"check": (check, fill_check), "shards": (shards, fill_shards)}
    for name, (task, fill_task) in (all_tasks | {"triplets": (triplets, fill_triplets)}).items():
        summary = (task.__doc__ or "").partition(".")[0]
        where = {"check": "photos", "shards": "photos shards", "triplets": "triplets --count 200"}[name]
        example = f"example: latent-inpaint data {name} {where}"
        added = tasks.add_parser(name, help=summary, description=f"{summary}.", epilog=example)
        added.set_defaults(task=task)
        fill_task(added)


def run(options: argparse.Namespace) -> int | None:
    """Do the task that was asked for."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    result: int | None = options.task(options)
    return result


def fill_check(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    parser.add_argument("root", help="the data folder, as in data.root")
    parser.add_argument("--places2", action="store_true", help="find the layouts of Places2 (data=places2)")
    parser.add_argument("--index-dir", default="outputs/index", help="for the index files of Places2")
    parser.add_argument("--masks", default="thick", help="preset of the masks on the sheet (default: thick)")
    parser.add_argument("--size", type=int, default=256, help="side of the crops on the sheet (default: 256)")
    parser.add_argument("--seed", type=int, default=0, help="of the masks")
    parser.add_argument("--sheet", type=Path, default=Path("check_data.png"), help="default: check_data.png")
    parser.add_argument("--limit", type=int, help="decode only so many pictures of each side")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")


def check(options: argparse.Namespace) -> int:
    """Count and measure the pictures of a folder, draw a sheet; unreadable ones are named, the status 1."""
    with needed_by("checking data", "evaluate"):
        from latent_inpaint.data.check import check as look
        from latent_inpaint.data.check import overlay_sheet
        from latent_inpaint.data.layouts import FolderLayout, Layout
        from latent_inpaint.data.mask_sources import SeededMasks
        from latent_inpaint.data.masks import preset
        from latent_inpaint.data.places2 import Places2Layout

    masks = SeededMasks(preset(options.masks, options.size), options.seed)
    layout: Layout = Places2Layout(options.index_dir) if options.places2 else FolderLayout()
    splits = layout.splits(options.root)
    print(splits.description)
    sides = [(name, side) for name, side in (("train", splits.train), ("val", splits.val)) if len(side)]
    reports = [look(side, options.limit, options.workers) for _, side in sides]
    for (name, _), report in zip(sides, reports):
        print(*(f"{name}: {line}" for line in report.lines()), sep="\n")
    overlay_sheet(sides, masks, options.size, options.sheet)
    print(f"pictures with masks: {options.sheet}")
    return int(any(report.unreadable for report in reports))


def fill_shards(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `shards`."""
    parser.add_argument("pictures", type=Path, help="folder of pictures, searched at any depth")
    parser.add_argument("output", type=Path, help="new folder for shard-000000.tar … and index.json")
    parser.add_argument("--pictures-per-shard", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which pictures are written")
    parser.add_argument("--no-verify", action="store_true", help="do not decode every picture first")


def shards(options: argparse.Namespace) -> None:
    """Write WebDataset shards of a folder of pictures, for data=webdataset data.shards=OUTPUT."""
    with needed_by("writing shards", "train"):
        from latent_inpaint.data.listing import list_pictures
        from latent_inpaint.data.shard_writer import write_shards

    pictures = list_pictures(options.pictures)
    verify = not options.no_verify
    print(write_shards(pictures, options.output, options.pictures_per_shard, options.seed, verify))


def fill_triplets(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `triplets`."""
    parser.add_argument("output", type=Path, help="new folder for source/, mask/ and target/")
    parser.add_argument("--pictures", type=Path, help="folder of photographs (default: those of data=sample)")
    parser.add_argument("--count", type=int, default=200, help="default: 200")
    parser.add_argument("--size", type=int, default=256, help="side in pixels (default: 256)")
    parser.add_argument("--seed", type=int, default=0)


def triplets(options: argparse.Namespace) -> None:
    """Write a synthetic set for object removal, for data=triplets data.root=OUTPUT."""
    with needed_by("making triplets", "evaluate"):
        from latent_inpaint.data.listing import list_pictures
        from latent_inpaint.data.removal import write_triplets
        from latent_inpaint.data.sample import SampleLayout

    sample = options.pictures is None
    pictures = SampleLayout().splits(None).train if sample else list_pictures(options.pictures)
    write_triplets(pictures, options.output, options.count, options.size, options.seed)
    print(f"{options.count} triplets: {options.output}")
