"""Looks at a folder of pictures: counts, sizes, unreadable files (then the status is 1), and a sheet of
pictures with masks."""

import sys

from latent_inpaint.commands.data import check, fill_check
from latent_inpaint.commands.script import run_script

EXAMPLES = """  python bin/check_data.py photos
  python bin/check_data.py /data/places2 --places2 --limit 1000"""

if __name__ == "__main__":
    sys.exit(run_script("check_data", __doc__, EXAMPLES, fill_check, check))
