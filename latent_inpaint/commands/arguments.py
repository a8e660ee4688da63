"""The arguments of the commands that use a network. Imports little, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_predict(command: argparse.ArgumentParser) -> None:
    """`predict`."""
    _add_repair(command)
    command.add_argument(
        "--refine", action="store_true", default=None, help="optimise large holes at growing scales (slow)"
    )


def add_refine(command: argparse.ArgumentParser) -> None:
    """`refine`."""
    _add_repair(command)
    command.set_defaults(refine=True)


def add_watch(command: argparse.ArgumentParser) -> None:
    """`watch`."""
    command.add_argument("images", type=_path, metavar="DIR", help="where pictures arrive")
    _add_repair(command, is_watching=True)
    command.add_argument("--every", type=float, default=2, metavar="S", help="seconds between looks (2)")
    command.set_defaults(refine=None, image=None, workers=1)


def _add_repair(command: argparse.ArgumentParser, is_watching: bool = False) -> None:
    add_model(command)
    files = command.add_argument_group("files")
    files.add_argument("--mask", type=_path, help="the mask, white is the hole; or that of all pictures")
    if not is_watching:
        files.add_argument("--image", type=_path, help="the picture")
        files.add_argument(
            "--images",
            type=_path,
            metavar="DIR",
            help="in place of --image: a folder, a quoted pattern ('in/*.jpg'), or - for a list on stdin",
        )
        files.add_argument(
            "--workers", type=int, default=1, metavar="N", help="processes with a network each (1)"
        )
    files.add_argument("--masks", type=_path, metavar="DIR", help="folder of their masks: NAME or NAME_mask*")
    files.add_argument(
        "--output", type=_path, required=True, help="file (.png .webp .tif .bmp: lossless; .jpg), or folder"
    )
    files.add_argument("--ending", default=".png", help="ending, and so format, in the output folder (.png)")
    files.add_argument("--overwrite", action="store_true", help="do finished pictures of a folder again")
    files.add_argument(
        "--frames",
        default="first",
        choices=("first", "all"),
        help="of an animation (first)",
    )
    files.add_argument("--json", action="store_true", help="print one JSON object for each picture")
    files.add_argument("--quiet", action="store_true", help="print errors and warnings alone")
    _add_mask_options(command.add_argument_group("mask"))
    _add_fill_options(command.add_argument_group("filling"))


def add_convert(command: argparse.ArgumentParser) -> None:
    """`convert`."""
    add_model(command)
    command.add_argument("--output", type=_path, required=True, metavar="DIR", help="model folder to write")
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--half", action="store_true", help="weights in float16: half the size on the disk")
    kind.add_argument("--to", choices=("ours", "lama"), default="ours", help="whose layout: ours, or LaMa's")


def add_export(command: argparse.ArgumentParser) -> None:
    """`export`."""
    add_model(command)
    command.add_argument(
        "--output", type=_path, required=True, help=".ts TorchScript, .onnx ONNX, .pt2 torch.export"
    )
    command.add_argument("--half", action="store_true", help=".onnx: weights in float16, half the size")
    command.add_argument(
        "--step", action="store_true", help="one call of a flow's or diffusion's denoiser, not the whole"
    )


def add_benchmark(command: argparse.ArgumentParser) -> None:
    """`benchmark`."""
    add_model(command)
    command.add_argument(
        "--sides", type=int, nargs="+", default=[512, 2048, 4096], metavar="PIXELS", help="of squares"
    )


def add_serve(command: argparse.ArgumentParser) -> None:
    """`serve`."""
    command.add_argument(
        "--model",
        action="append",
        help="a network to choose, or one of quality, fast, patchmatch, telea, navier_stokes; several: "
        "give it again; where none is given: all of these, the last three if they are installed",
    )
    _add_place(command)
    command.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1: this machine only)")
    command.add_argument("--port", type=int, default=7860, help="7860; 0 takes a free one")
    command.add_argument(
        "--token-file",
        type=_path,
        metavar="FILE",
        help="holds the token that clients must bring; or the variable LATENT_INPAINT_TOKEN",
    )
    command.add_argument(
        "--allow-host", action="append", metavar="NAME", help="another name it is asked for by: a proxy's"
    )
    command.add_argument(
        "--keep", type=int, default=1, metavar="N", help="networks in memory at one time (1)"
    )
    command.add_argument(
        "--segment",
        nargs=2,
        metavar=("ENCODER", "DECODER"),
        help="ONNX files of the kind of Segment Anything, or names of a registry: objects by a click",
    )
    limits = command.add_argument_group("limits")
    limits.add_argument("--queue", type=int, default=8, metavar="N", help="jobs that wait (8); then 429")
    limits.add_argument("--workers", type=int, default=1, metavar="N", help="jobs that run at one time (1)")
    limits.add_argument("--max-upload", type=int, default=100, metavar="MIB", help="of a request (100)")
    limits.add_argument("--max-megapixels", type=float, default=67, metavar="N", help="of a picture (67)")
    limits.add_argument("--max-seconds", type=float, default=600, metavar="S", help="of a job (600)")
    limits.add_argument(
        "--memory-budget", metavar="SIZE", help="such as 1.5GiB; default: 80%% of what is free"
    )


def add_model(command: argparse.ArgumentParser) -> None:
    """`info`: the network, and where it computes."""
    command.add_argument(
        "--model",
        help="model or run folder, checkpoint, LaMa folder, zip or .pt; or quality (default) or fast, the "
        "package's; or a method without weights: patchmatch, telea, navier_stokes (extra classical); or a "
        "name that `latent-inpaint models` lists, fetched on first use",
    )
    _add_place(command)


def add_registry(command: argparse.ArgumentParser) -> None:
    """The option of every command that takes a network by name."""
    command.add_argument("--registry", type=_path, metavar="FILE", help="YAML file with names of your own")


def _add_place(command: argparse.ArgumentParser) -> None:
    add_registry(command)
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    command.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="auto (default): bfloat16 where hardware and network gain from it",
    )


def _add_mask_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--threshold",
        type=float,
        default=128,
        help="128 understands masks of all kinds; others: least brightness, of 255",
    )
    group.add_argument(
        "--mask-from-alpha", action="store_true", help="the hole is where the picture itself is transparent"
    )
    group.add_argument(
        "--expand", type=_sides, metavar="L,T,R,B", help="add a border of so many pixels, and fill it"
    )
    group.add_argument("--invert-mask", action="store_true", help="the mask marks what is known")
    group.add_argument("--resize-mask", action="store_true", help="scale a mask of another size")
    group.add_argument("--dilate", type=int, default=0, metavar="PIXELS", help="grow the hole (0)")


def _add_fill_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--samples", type=int, default=1, metavar="N", help="fills: OUT-1.png, OUT-2.png … and OUT-sheet.jpg"
    )
    group.add_argument("--choose", choices=("best",), help="write the best of the samples alone")
    group.add_argument("--seed", type=int, default=0, help="of a network that draws (0)")
    group.add_argument("--steps", type=int, metavar="K", help="network calls of a sampler")
    group.add_argument(
        "--whole", action="store_true", help="look at the whole picture, not at crops around holes"
    )
    group.add_argument("--context", type=int, metavar="PIXELS", help="known pixels around a hole's crop")
    group.add_argument("--feather", type=int, metavar="PIXELS", help="width of the seam inside the hole")
    group.add_argument(
        "--membrane",
        action=argparse.BooleanOptionalAction,
        help="correct shades and tints by the fill's error on the rim; default: where crops are pasted",
    )
    group.add_argument(
        "--no-composite",
        action="store_true",
        help="take the network's picture as it is, known pixels included: for experiment=removal",
    )
    group.add_argument(
        "--memory-budget", metavar="SIZE", help="such as 1.5GiB; default: 80%% of what is free"
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _sides(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts) or not any(map(int, parts)):
        raise argparse.ArgumentTypeError(f"four numbers of pixels are expected, L,T,R,B, got {text!r}")
    left, top, right, bottom = (int(part) for part in parts)
    return left, top, right, bottom
