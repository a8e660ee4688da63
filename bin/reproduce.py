"""The thesis' tables trained again and reported: `python bin/reproduce.py DIR --steps 6000 --jobs 2`."""

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # reproduction/ lies beside the package


def run() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if {"-h", "--help"} & set(sys.argv):
        from reproduction.arguments import parser

        parser().parse_args()
    try:
        from reproduction.command import main

        sys.exit(main(ROOT))
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    run()
