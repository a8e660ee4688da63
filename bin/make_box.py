"""Makes the network in the box, which comes with the package, from a run."""

import argparse
import sys
from pathlib import Path

from latent_inpaint.commands.script import run_script

EXAMPLES = "  python bin/make_box.py RUN --evaluation EVALUATION/metrics.json"


def fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder of a training run: model/ and metrics.json")
    parser.add_argument(
        "--evaluation", type=Path, help="metrics.json of the card's table; default: the run's"
    )
    parser.add_argument("--data", help="what it was trained on, in words")
    parser.add_argument("--limits", help="what it cannot do; default: a sentence of the package's")
    parser.add_argument("--output", type=Path, help="model folder; default: the package's own")


def run(options: argparse.Namespace) -> None:
    from latent_inpaint.inference.loading import BOX
    from latent_inpaint.inference.packing import LIMITS, make_box

    output, limits = options.output or BOX, options.limits or LIMITS
    print(make_box(options.run, output, options.evaluation, options.data, limits))


if __name__ == "__main__":
    sys.exit(run_script("make_box", __doc__, EXAMPLES, fill, run))
