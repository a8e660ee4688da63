"""The command line of `bin/reproduce.py`; imports nothing, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    arguments = argparse.ArgumentParser(
        prog="reproduce.py",
        description="Trains the rows of conf/reproduction.yaml that are not finished yet; writes the report.",
        epilog="examples:\n"
        "  python bin/reproduce.py photos --steps 6000 --jobs 2\n"
        "  python bin/reproduce.py photos --rows baseline,latent_control model.ngf=16\n\n"
        "The same command goes on after an interruption. Further arguments are Hydra overrides of all runs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("data", type=Path, help="folder of pictures")
    arguments.add_argument("--steps", type=int, default=6000, help="training steps of each run (6000)")
    arguments.add_argument("--autoencoder-steps", type=int, default=6000, help="steps of stage 1 (6000)")
    arguments.add_argument("--jobs", type=int, default=2, help="runs at a time, of one thread each (2)")
    arguments.add_argument(
        "--rows", default="", help="rows or tables, with commas; by default all of conf/reproduction.yaml"
    )
    arguments.add_argument(
        "--outputs", type=Path, default=Path("outputs/reproduction"), help="folder of runs"
    )
    arguments.add_argument("--report", type=Path, help="report's folder (reports/NAME OF THE ROWS' FILE)")
    arguments.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    arguments.add_argument("--report-only", action="store_true", help="train nothing")
    arguments.add_argument("--no-pictures", action="store_true", help="a report without photographs")
    return arguments
