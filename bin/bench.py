"""Benchmarks: ratios from one run, with targets, as a table and reports/bench.json."""

import argparse
import sys
from pathlib import Path

from latent_inpaint.training.config import share_cores

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks/ lies beside the package
share_cores()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="rows formulation bf16 compile data inference floors; all")
    parser.add_argument("--output", type=Path, default=Path("reports/bench.json"), help="JSON to write")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each comparison (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="of the networks (default: 1)")
    options = parser.parse_args()

    import torch

    from benchmarks.suite import run

    torch.set_num_threads(options.threads)

    try:
        run(options.output, options.repeats, options.only)
    except (ChildProcessError, OSError, ValueError) as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
