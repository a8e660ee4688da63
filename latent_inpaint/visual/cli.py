"""The command line of `bin/visualize.py`: one subcommand a study, each writes a picture and a JSON file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.study(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pictures of what happens in the latent.")
    studies = parser.add_subparsers(required=True, metavar="STUDY")
    latent = studies.add_parser("latent", help="equation 4.1: what a hole does to the latent")
    latent.set_defaults(study=_latent)
    latent.add_argument(
        "--model", required=True, help="model folder, run folder, checkpoint or LaMa directory"
    )
    latent.add_argument("--image", nargs="+", help="pictures; without them, sample photographs")
    latent.add_argument(
        "--mask", nargs="+", help="a mask for each picture, white = hole; without them, thick masks"
    )
    latent.add_argument(
        "--size", type=int, default=256, help="side of the centre crop in pixels (default 256)"
    )
    latent.add_argument("--seed", type=int, default=0, help="of the masks that are drawn (default 0)")
    latent.add_argument(
        "--output", default="latent.png", help="the picture to write; numbers go beside it as .json"
    )
    return parser


def _latent(options: argparse.Namespace) -> None:
    import latent_inpaint
    from latent_inpaint.visual.examples import examples
    from latent_inpaint.visual.latent import damage_sheet

    model = latent_inpaint.load(options.model, device="cpu", precision="float32")
    if options.size % model.down_factor:
        raise ValueError(f"--size must be a multiple of {model.down_factor}, got {options.size}")
    image, mask = examples(options.image, options.mask, options.size, options.seed)
    picture, energy = damage_sheet(model, image, mask)
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(output)
    output.with_suffix(".json").write_text(json.dumps({"energy_outside_the_hole": energy}, indent=1) + "\n")
    print("Relative energy of the latent difference outside the hole: ", end="")
    print(", ".join(f"{name} {value:.4f}" for name, value in energy.items()))
    print(f"Written: {output}")
