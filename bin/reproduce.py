"""The thesis' tables trained again and reported: `python bin/reproduce.py DIR --steps 6000 --jobs 2`."""

import logging
import sys
from pathlib import Path

from latent_inpaint.exits import run_command

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # reproduction/ lies beside the package


def run() -> int:
    from reproduction.command import main

    return main(ROOT)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if {"-h", "--help"} & set(sys.argv):
        from reproduction.arguments import parser

        parser().parse_args()
    sys.exit(run_command("reproduce", run))
