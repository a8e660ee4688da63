"""A command as a script of its own, as `bin/` has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from latent_inpaint.exits import run_command


def run_script(
    name: str,
    description: str,
    examples: str,
    fill: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int | None],
) -> int:
    """Read the command line and run; the exit status, see `latent_inpaint.exits`.

    Args:
        name: of the script, for its errors.
        description: what it does.
        examples: command lines, shown by `--help`.
        fill: adds its arguments.
        run: called with what they are.
    """
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(refuse=parser.error)
    fill(parser)
    return run_command(name, partial(run, parser.parse_args()))
