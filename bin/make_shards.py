"""Writes WebDataset shards from a folder of pictures, for data=webdataset data.shards=OUTPUT."""

import argparse
import logging
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of pictures, searched at any depth")
    parser.add_argument("output", type=Path, help="new folder for shard-000000.tar … and index.json")
    parser.add_argument("--pictures-per-shard", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which pictures are written")
    parser.add_argument("--no-verify", action="store_true", help="do not decode every picture first")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    from latent_inpaint.data.listing import list_pictures
    from latent_inpaint.data.shard_writer import write_shards

    pictures = list_pictures(options.pictures)
    verify = not options.no_verify
    print(write_shards(pictures, options.output, options.pictures_per_shard, options.seed, verify))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        main()
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"make_shards: {error}")
