"""Studies of the latent: `python bin/visualize.py STUDY --model RUN`; `--help` lists them."""

from latent_inpaint.visual.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
