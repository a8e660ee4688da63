"""Benchmarks: ratios from one run, with targets, as a table and reports/bench.json."""

import argparse
import sys
from pathlib import Path

from latent_inpaint.commands.script import run_script

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks/ lies beside the package
EXAMPLES = """  python bin/bench.py
  python bin/bench.py data inference --repeats 3 --output bench.json
  python bin/bench.py --gpu --output gpu.json"""


def fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "only", nargs="*", help="rows average formulation bf16 compile data samplers inference filling floors"
    )
    parser.add_argument("--output", type=Path, help="JSON to write (default: reports/bench.json or gpu.json)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each comparison (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="of the networks (default: 1)")
    parser.add_argument("--gpu", action="store_true", help="training steps on a CUDA device")
    parser.add_argument("--size", type=int, default=256, help="of --gpu: side of pictures (default: 256)")
    parser.add_argument("--width", type=int, default=64, help="of --gpu: model.ngf (default: 64)")
    parser.add_argument("--batch", type=int, default=16, help="of --gpu: pictures in a step (default: 16)")
    parser.add_argument("--seconds", type=float, default=4, help="of --gpu: for each line (default: 4)")


def run(options: argparse.Namespace) -> None:
    from latent_inpaint.training.config import share_cores

    share_cores()
    import torch

    from benchmarks.gpu import run_gpu
    from benchmarks.suite import run as run_suite

    torch.set_num_threads(options.threads)
    if options.gpu:
        output = options.output or Path("reports/gpu.json")
        run_gpu(output, options.size, options.width, options.batch, options.seconds)
    else:
        run_suite(options.output or Path("reports/bench.json"), options.repeats, options.only)


if __name__ == "__main__":
    sys.exit(run_script("bench", __doc__, EXAMPLES, fill, run))
