"""Studies of the latent: `python bin/visualize.py latent --model RUN --output latent.png`."""

from latent_inpaint.visual.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
