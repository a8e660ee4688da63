"""Command line `latent-inpaint`. Little is imported here, so that `--help` and wrong files answer at once."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import NoReturn

from latent_inpaint import __version__
from latent_inpaint.commands import arguments as of
from latent_inpaint.commands import data, demo, masks, models, serve, summarize
from latent_inpaint.commands.inputs import check_inputs
from latent_inpaint.exits import one_line, run_command
from latent_inpaint.near import near

EXAMPLES = """examples:
  latent-inpaint predict --image photo.jpg --mask mask.png --output out.png
  latent-inpaint predict --model RUN --image photo.jpg --mask mask.png --output out.png --refine
  latent-inpaint predict --model big-lama.zip --images photos --masks masks --output repaired
  latent-inpaint predict --model patchmatch --image photo.jpg --mask mask.png --output out.png
  latent-inpaint predict --images photos --mask dust.png --output repaired --workers 2 --quiet
  latent-inpaint predict --image cut.png --mask-from-alpha --output out.png --json
  latent-inpaint predict --image photo.jpg --expand 0,0,64,0 --output wider.png
  latent-inpaint predict --image moving.gif --mask mask.png --output moving.webp --frames all
  latent-inpaint predict --model big-lama --image photo.jpg --mask mask.png --output out.png
  latent-inpaint models
  latent-inpaint download mat-places-512 --accept-licence
  latent-inpaint demo
  latent-inpaint watch photos --mask dust.png --output repaired --every 5
  latent-inpaint refine --model big-lama.zip --image large.jpg --mask mask.png --output out.png
  latent-inpaint serve --model RUN --model big-lama.zip --model patchmatch
  latent-inpaint train experiment=latent_control data=folder data.root=DIR
  latent-inpaint evaluate checkpoint=RUN data=folder data.root=DIR masks=thick
  latent-inpaint summarize outputs
  latent-inpaint info --model RUN
  latent-inpaint convert --model big-lama.pt --output big-lama --half
  latent-inpaint convert --model RUN --output tuned-lama --to lama
  latent-inpaint export --model RUN --output model.onnx
  latent-inpaint benchmark --model RUN
  latent-inpaint masks photos masks --preset thick --size 256
  latent-inpaint masks --freeze masks/thick_256.json --preset thick --size 256
  latent-inpaint data check photos
  latent-inpaint data shards photos shards
"""
IN_HYDRAS_GRAMMAR = {
    "train": "train a network: experiment=NAME and KEY=VALUE (extra train)",
    "evaluate": "measure methods and networks side by side: KEY=VALUE (extra evaluate)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0 done, 1 failed (one line on stderr says why), 130 after Ctrl-C, 143 after SIGTERM.
        Wrong usage exits with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × is no reason to fail
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in IN_HYDRAS_GRAMMAR:
        command = import_module(f"latent_inpaint.commands.{words[0]}")
        return int(command.main(words[1:], f"latent-inpaint {words[0]}"))
    options = _parser().parse_args(words)
    return run_command(f"latent-inpaint {options.command}", partial(_run, options))


def _run(options: argparse.Namespace) -> int:
    with warnings.catch_warnings():
        warnings.showwarning = _print_warning
        return int(options.run(options) or 0)


def _with_network(options: argparse.Namespace) -> int:
    """A command of `latent_inpaint.inference.commands`; torch is imported once the files were looked at."""
    check_inputs(options)
    # Code for every picture size met stays in memory; a thousand sizes (the default) are too many for a
    # long run.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    commands = import_module("latent_inpaint.inference.commands")
    return int(getattr(commands, options.command)(options))


class _Parser(argparse.ArgumentParser):
    """One line for what was mistyped, with what is near; the usage is `--help`'s."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def, override]
        options, rest = super().parse_known_args(args, namespace)
        if rest:
            word = rest[0].split("=")[0]
            there = [name for name in self._option_string_actions if name.startswith("--")]
            is_option = word.startswith("-")
            self.error(
                f"there is no option {word}{near(word, there)}" if is_option else f"unexpected: {word!r}"
            )
        return options, rest

    def error(self, message: str) -> NoReturn:
        if wrong := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            there = re.findall(r"[\w-]+", wrong[2])
            message = f"there is no {wrong[1]!r}{near(wrong[1], there)}; all: {', '.join(there)}"
        self.exit(2, f"{self.prog}: error: {message} (--help shows all)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="latent-inpaint",
        description="Inpainting in latent space: fill the hole of a picture; train, and measure.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"latent-inpaint {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str,
        summary: str,
        fill: Callable[[argparse.ArgumentParser], None],
        run: Callable[[argparse.Namespace], int | None] = _with_network,
        aliases: Sequence[str] = (),
    ) -> None:
        examples = [
            line for line in EXAMPLES.splitlines() if f"{line} ".startswith(f"  latent-inpaint {name} ")
        ]
        command = commands.add_parser(
            name,
            aliases=aliases,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="\n".join(["examples:", *examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run, refuse=command.error)
        fill(command)

    add("predict", "fill the holes of a picture, or of a folder of pictures", of.add_predict)
    add("demo", "write a picture and a mask to try, demo.png and demo_mask.png", demo.fill, demo.run)
    add("watch", "fill the pictures that arrive in a folder, until Ctrl-C", of.add_watch)
    add("refine", "predict, and optimise large holes at growing scales (slow)", of.add_refine)
    service = "a service over HTTP, with a page in the browser: paint the hole, see the result"
    add("serve", service, of.add_serve, serve.run, aliases=["web"])
    for name, summary in IN_HYDRAS_GRAMMAR.items():
        commands.add_parser(name, help=summary, add_help=False)
    add("summarize", "one table over all runs under a folder", summarize.fill, summarize.run)
    add("models", "list networks and weights by name, and what of them is here", models.fill, models.run)
    download = "fetch networks and weights by name, resumed and checked"
    add("download", download, models.fill_download, models.run_download)
    add("info", "say what a network is made of", of.add_model)
    add("convert", "write any network as safetensors and JSON", of.add_convert)
    add("export", "write and check a TorchScript, ONNX or torch.export file", of.add_export)
    add("benchmark", "seconds and memory, whole pictures against crops", of.add_benchmark)
    add("masks", "write masks for a folder of pictures, or freeze a set of them", masks.fill, masks.run)
    add("data", "look at a folder of pictures, or write shards of it", data.fill, data.run)
    return parser


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {one_line(message)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
