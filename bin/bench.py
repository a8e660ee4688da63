"""Benchmarks: ratios from one run, with targets, as a table and reports/bench.json."""

import argparse
import sys
from pathlib import Path

from latent_inpaint.commands.script import run_script

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks/ lies beside the package
EXAMPLES = """  python bin/bench.py
  python bin/bench.py data inference --repeats 3 --output bench.json"""


def fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("only", nargs="*", help="rows formulation bf16 compile data inference floors; all")
    parser.add_argument("--output", type=Path, default=Path("reports/bench.json"), help="JSON to write")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each comparison (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="of the networks (default: 1)")


def run(options: argparse.Namespace) -> None:
    from latent_inpaint.training.config import share_cores

    share_cores()
    import torch

    from benchmarks.suite import run as run_suite

    torch.set_num_threads(options.threads)
    run_suite(options.output, options.repeats, options.only)


if __name__ == "__main__":
    sys.exit(run_script("bench", __doc__, EXAMPLES, fill, run))
