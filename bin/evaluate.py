"""Evaluate: `python bin/evaluate.py checkpoint=PATH masks=thick methods=[telea,patchmatch]`; see `--help`."""

import sys

from latent_inpaint.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
