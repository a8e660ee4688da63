"""Command line `latent-inpaint`. Little is imported here, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

EXAMPLES = """examples:
  latent-inpaint predict --model RUN --image photo.jpg --mask mask.png --output out.png
  latent-inpaint info --model big-lama.zip
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Exit status: 0 done, 1 failed (one line on stderr says why), 2 wrong usage."""
    options = _parser().parse_args(arguments)
    commands = import_module("latent_inpaint.inference.commands")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            return int(getattr(commands, options.command)(options))
    except (ValueError, TypeError, OSError, MemoryError) as error:
        print(f"latent-inpaint {options.command}: error: {_one_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latent-inpaint",
        description="Inpainting in latent space: fill the hole of a picture.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_info(commands)
    return parser


def _add_predict(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    predict = commands.add_parser("predict", help="fill the hole of a picture")
    _add_model(predict)
    predict.add_argument("--image", required=True, help="the picture")
    predict.add_argument("--mask", required=True, help="its mask: 128 and more of 255 is the hole")
    predict.add_argument("--output", required=True, help=".png .webp .tif .bmp (lossless) or .jpg")
    _add_mask_options(predict)


def _add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    info = commands.add_parser("info", help="what a network is made of")
    _add_model(info)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", help="model or run folder, checkpoint, LaMa folder or zip; default: the package's"
    )
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    command.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="auto (default): bfloat16 where hardware and network gain from it",
    )


def _add_mask_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("mask")
    group.add_argument("--threshold", type=float, default=128, help="smallest value of a hole, of 255 (128)")
    group.add_argument("--invert-mask", action="store_true", help="the mask marks what is known")
    group.add_argument("--resize-mask", action="store_true", help="scale a mask of another size")
    group.add_argument("--dilate", type=int, default=0, metavar="PIXELS", help="grow the hole (0)")


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {_one_line(message)}", file=sys.stderr)


def _one_line(message: object) -> str:
    return " ".join(str(message).split()) or type(message).__name__


if __name__ == "__main__":
    sys.exit(main())
