"""Writes masks as PNG files for a folder of pictures, or freezes a set of masks into a manifest."""

import sys

from latent_inpaint.commands.masks import fill, run
from latent_inpaint.commands.script import run_script

EXAMPLES = """  python bin/make_masks.py photos masks --preset thick --size 256
  python bin/make_masks.py --freeze masks/thick_256.json --preset thick --size 256"""

if __name__ == "__main__":
    sys.exit(run_script("make_masks", __doc__, EXAMPLES, fill, run))
