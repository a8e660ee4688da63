"""Train: `python bin/train.py experiment=latent_control data=sample`; `--help` lists the groups and keys."""

import sys

from latent_inpaint.commands.train import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
