"""One table over all runs under a folder."""

import sys

from latent_inpaint.commands.script import run_script
from latent_inpaint.commands.summarize import fill, run

EXAMPLES = """  python bin/summarize.py outputs
  python bin/summarize.py outputs/sweeps --output sweeps.md"""

if __name__ == "__main__":
    sys.exit(run_script("summarize", __doc__, EXAMPLES, fill, run))
