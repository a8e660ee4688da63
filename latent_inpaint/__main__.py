"""`python -m latent_inpaint`: the command line `latent-inpaint`."""

import sys

from latent_inpaint.cli import main

if __name__ == "__main__":
    sys.exit(main())
