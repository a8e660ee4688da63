"""The command line of `bin/visualize.py`: one subcommand a study, each writes a picture and a JSON file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from latent_inpaint.exits import run_command

RUN = "outputs/latent_control/RUN"
Study = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study; returns the exit status."""
    options = _parser().parse_args(arguments)

    def study() -> None:
        from reproduction.studies import studies

        getattr(studies, options.study)(options)

    return run_command("visualize", study)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pictures and numbers of what happens in the latent.")
    studies = parser.add_subparsers(required=True, metavar="STUDY", dest="study")
    latent = _add(
        studies, "latent", "equation 4.1: what a hole does to the latent, outside the hole too", 256
    )
    latent.add_argument(
        "--mask", nargs="+", help="a mask for each picture, white = hole; without them, thick masks"
    )
    latent.add_argument("--seed", type=int, default=0, help="of the masks that are drawn (default 0)")
    _interpolation(studies)
    _perturbation(studies)
    _counted(_add(studies, "features", "the decoder's features, their outliers, and what LPL keeps"))
    return parser


def _interpolation(studies: argparse._SubParsersAction) -> None:
    parser = _counted(_add(studies, "interpolation", "latents made smaller and larger again, decoded"))
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[1, 0.75, 0.5, 0.25], help="(default 1 0.75 0.5 0.25)"
    )


def _perturbation(studies: argparse._SubParsersAction) -> None:
    parser = _counted(
        _add(studies, "perturbation", "noise at one latent position: where the picture changes")
    )
    parser.add_argument("--grid", type=int, default=4, help="positions along each side (default 4)")
    parser.add_argument("--draws", type=int, default=4, help="noises to average over (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")


def _add(
    studies: argparse._SubParsersAction, name: str, description: str, size: int = 128
) -> argparse.ArgumentParser:
    example = f"example: python bin/visualize.py {name} --model {RUN} --image PHOTOS --output {name}.png"
    parser: argparse.ArgumentParser = studies.add_parser(
        name, help=description, description=description, epilog=example
    )
    parser.add_argument(
        "--model", required=True, help="model folder, run folder, checkpoint or LaMa directory"
    )
    parser.add_argument(
        "--image", nargs="+", help="pictures, or folders of them; without, sample photographs"
    )
    parser.add_argument(
        "--size", type=int, default=size, help=f"side of the centre crop in pixels (default {size})"
    )
    parser.add_argument(
        "--output", default=f"{name}.png", help="the picture to write; numbers go beside it as .json"
    )
    return parser


def _counted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--count", type=int, default=16, help="pictures to measure (default 16)")
    parser.add_argument("--shown", type=int, default=3, help="pictures on the sheet (default 3)")
    return parser
