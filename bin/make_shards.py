"""Writes WebDataset shards from a folder of pictures, for data=webdataset data.shards=OUTPUT."""

import sys

from latent_inpaint.commands.data import fill_shards, shards
from latent_inpaint.commands.script import run_script

EXAMPLES = "  python bin/make_shards.py photos shards --pictures-per-shard 1000"

if __name__ == "__main__":
    sys.exit(run_script("make_shards", __doc__, EXAMPLES, fill_shards, shards))
