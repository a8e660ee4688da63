"""The command `evaluate`: from its command line to a table of methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latent_inpaint.commands.hydra_line import check_parts, fail, prepare, run_hydra, stopped

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(arguments: Sequence[str], program: str | None = None) -> int:
    """Evaluate what a command line in Hydra's grammar describes; the exit status.

    Args:
        arguments: such as `checkpoint=RUN data=sample masks=thick`.
        program: what the command is called, where that is not the running script.
    """
    return run_hydra("evaluate", "evaluate", run, arguments, program, _check)


def run(cfg: DictConfig) -> None:
    """Evaluate and say where the results are."""
    from hydra.errors import InstantiationException

    from latent_inpaint.evaluation.command import run as evaluate

    try:
        prepare(cfg)
        check_parts(cfg)
        folder = evaluate(cfg)
        if folder is not None:
            print(f"Results: {folder}")
    except KeyboardInterrupt as interruption:
        stopped(interruption)
    except (InstantiationException, OSError, RuntimeError, ValueError) as error:
        fail(error)


def _check(arguments: Sequence[str]) -> None:
    from latent_inpaint.evaluation.command import check_method_names
    from latent_inpaint.resources import conf_folder

    check_method_names(arguments, conf_folder() / "methods")
