"""Make the network in the box from a run: python bin/make_box.py RUN --evaluation EVALUATION/metrics.json"""

import argparse
import sys
from pathlib import Path

from latent_inpaint.inference.loading import BOX
from latent_inpaint.inference.packing import LIMITS, make_box


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training run: model/ and metrics.json")
    parser.add_argument(
        "--evaluation", type=Path, help="metrics.json of the card's table; default: the run's"
    )
    parser.add_argument("--data", help="what it was trained on, in words")
    parser.add_argument("--limits", help=f"what it cannot do; default: {LIMITS!r}")
    parser.add_argument("--output", type=Path, default=BOX, help="model folder; default: the package's own")
    options = parser.parse_args()
    try:
        print(make_box(options.run, options.output, options.evaluation, options.data, options.limits))
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
