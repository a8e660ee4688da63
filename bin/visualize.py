"""Studies of the latent: `python bin/visualize.py STUDY --model RUN`; `--help` lists them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # reproduction/ lies beside the package

if __name__ == "__main__":
    from reproduction.studies.command import main

    raise SystemExit(main())
