"""Command line `latent-inpaint`. Little is imported here, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

EXAMPLES = """examples:
  latent-inpaint predict --image photo.jpg --mask mask.png --output out.png
  latent-inpaint predict --model RUN --image photo.jpg --mask mask.png --output out.png --refine
  latent-inpaint predict --model big-lama.zip --images photos --masks masks --output repaired
  latent-inpaint refine --model big-lama.zip --image large.jpg --mask mask.png --output out.png
  latent-inpaint info --model RUN
  latent-inpaint convert --model big-lama.pt --output big-lama --half
  latent-inpaint export --model RUN --output model.onnx
  latent-inpaint benchmark --model RUN
  latent-inpaint web --model RUN --model big-lama.zip
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0 done, 1 failed (one line on stderr says why), 130 interrupted by Ctrl-C or SIGTERM.
        Wrong usage exits with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × is no reason to fail
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command in ("predict", "refine"):
        _check_inputs(parser, options)
    # Code for every picture size met stays in memory; a thousand sizes (the default) are too many for a
    # long run.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C puts in order, it does, too
    commands = import_module("latent_inpaint.inference.commands")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            return int(getattr(commands, options.command)(options))
    except KeyboardInterrupt:
        print(f"latent-inpaint {options.command}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
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

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        examples = [line for line in EXAMPLES.splitlines() if line.startswith(f"  latent-inpaint {name} ")]
        return commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="\n".join(["examples:", *examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    _add_predict(add("predict", "fill the holes of a picture, or of a folder of pictures"))
    _add_refine(add("refine", "predict, and optimise large holes at growing scales (slow)"))
    _add_model(add("info", "say what a network is made of"))
    _add_convert(add("convert", "write any network as safetensors and JSON"))
    _add_export(add("export", "write and check a TorchScript, ONNX or torch.export file"))
    _add_benchmark(add("benchmark", "seconds and memory, whole pictures against crops"))
    _add_web(add("web", "a page in the browser: paint the hole, see the result (this machine only)"))
    return parser


def _add_predict(command: argparse.ArgumentParser) -> None:
    _add_repair(command)
    command.add_argument(
        "--refine", action="store_true", default=None, help="optimise large holes at growing scales (slow)"
    )


def _add_refine(command: argparse.ArgumentParser) -> None:
    _add_repair(command)
    command.set_defaults(refine=True)


def _add_repair(command: argparse.ArgumentParser) -> None:
    _add_model(command)
    files = command.add_argument_group("files")
    files.add_argument("--image", type=_path, help="the picture")
    files.add_argument("--mask", type=_path, help="its mask, white is the hole; or that of all --images")
    files.add_argument("--images", type=_path, metavar="DIR", help="folder of pictures, in place of --image")
    files.add_argument("--masks", type=_path, metavar="DIR", help="folder of their masks: NAME or NAME_mask*")
    files.add_argument(
        "--output", type=_path, required=True, help="file (.png .webp .tif .bmp: lossless; .jpg), or folder"
    )
    files.add_argument("--ending", default=".png", help="ending, and so format, in the output folder (.png)")
    files.add_argument("--overwrite", action="store_true", help="do finished pictures of a folder again")
    _add_mask_options(command.add_argument_group("mask"))
    _add_fill_options(command.add_argument_group("filling"))


def _add_convert(command: argparse.ArgumentParser) -> None:
    _add_model(command)
    command.add_argument("--output", type=_path, required=True, metavar="DIR", help="model folder to write")
    command.add_argument("--half", action="store_true", help="weights in float16: half the size on the disk")


def _add_export(command: argparse.ArgumentParser) -> None:
    _add_model(command)
    command.add_argument(
        "--output", type=_path, required=True, help=".ts TorchScript, .onnx ONNX, .pt2 torch.export"
    )


def _add_benchmark(command: argparse.ArgumentParser) -> None:
    _add_model(command)
    command.add_argument(
        "--sides", type=int, nargs="+", default=[512, 2048, 4096], metavar="PIXELS", help="of squares"
    )


def _add_web(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", action="append", help="a network to choose; several: give it again; default: the package's"
    )
    _add_place(command)
    command.add_argument("--host", default="127.0.0.1", help="an address of the loopback (127.0.0.1)")
    command.add_argument("--port", type=int, default=7860, help="7860; 0 takes a free one")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", help="model or run folder, checkpoint, LaMa folder, zip or .pt; default: the package's"
    )
    _add_place(command)


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    command.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="auto (default): bfloat16 where hardware and network gain from it",
    )


def _add_mask_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--threshold", type=float, default=128, help="smallest value of a hole, of 255 (128)")
    group.add_argument("--invert-mask", action="store_true", help="the mask marks what is known")
    group.add_argument("--resize-mask", action="store_true", help="scale a mask of another size")
    group.add_argument("--dilate", type=int, default=0, metavar="PIXELS", help="grow the hole (0)")


def _add_fill_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--whole", action="store_true", help="look at the whole picture, not at crops around holes"
    )
    group.add_argument("--context", type=int, metavar="PIXELS", help="known pixels around a hole's crop")
    group.add_argument("--feather", type=int, metavar="PIXELS", help="width of the seam inside the hole")
    group.add_argument(
        "--memory-budget", metavar="SIZE", help="such as 1.5GiB; default: 80%% of what is free"
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _check_inputs(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    given = {name for name in ("image", "mask", "images", "masks") if getattr(options, name) is not None}
    if given in ({"image", "mask"}, {"images", "masks"}, {"images", "mask"}):
        return
    parser.error(
        f"{options.command}: give either --image and --mask, or --images and --masks (or --mask, for all)"
    )


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {_one_line(message)}", file=sys.stderr)


def _one_line(message: object) -> str:
    return " ".join(str(message).split()) or type(message).__name__


if __name__ == "__main__":
    sys.exit(main())
