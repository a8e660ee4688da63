"""From a command line in Hydra's grammar to a task: what `train` and `evaluate` have in common."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from latent_inpaint.exits import interrupted_status, one_line, run_command
from latent_inpaint.extras import needed_by

if TYPE_CHECKING:
    from omegaconf import DictConfig


_PATHS = {
    "data.root", "data.val_list", "data.train_list", "masks.root", "masks.manifest", "paths.outputs",
    "resume", "init_from", "checkpoint", "autoencoder.checkpoint", "registry",
}  # fmt: skip


def run_hydra(
    name: str,
    extra: str,
    task: Callable[[DictConfig], Any],
    arguments: Sequence[str],
    program: str | None = None,
    check: Callable[[Sequence[str]], None] = lambda arguments: None,
) -> int:
    """Compose `conf/<name>.yaml` by the overrides of a command line and call `task` with it; the exit status.

    Args:
        name: of the command and of its configuration.
        extra: the extra of setup.cfg that it needs.
        task: gets the configuration, once for each job of a sweep. A function of a module, which launchers
            can send to other processes.
        arguments: overrides and Hydra's flags.
        program: what the command is called, where that is not the running script.
        check: looks at the arguments first; a ValueError's message becomes the command's.
    """

    def compose_and_run() -> None:
        with needed_by(name, extra):
            import hydra

            from latent_inpaint.commands.override_errors import check_overrides
            from latent_inpaint.resources import conf_folder
            from latent_inpaint.training.config import register_resolvers, share_cores

        share_cores()
        register_resolvers()
        words = [_spelled(word) for word in arguments]
        check(words)
        check_overrides(name, words, conf_folder())
        sys.argv = [program or sys.argv[0], *words]
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(task)()

    return run_command(program or Path(sys.argv[0]).name, compose_and_run)


def prepare(cfg: DictConfig) -> None:
    """The first thing a task does: make known resolvers, and the modules and names that this line adds."""
    from latent_inpaint import registry
    from latent_inpaint.instantiate import allow
    from latent_inpaint.training.config import register_resolvers

    register_resolvers()  # some launchers call tasks in a fresh process
    allow(*cfg.allowed_modules)
    if cfg.registry is not None:
        registry.add(cfg.registry)


def check_parts(cfg: DictConfig) -> None:
    """Refuse targets that are not allowed and arguments that they do not have; imports the targets.

    Raises:
        TargetNotAllowed: the first such target, with its key.
        ValueError: the first such argument.
    """
    from latent_inpaint.instantiate import check_arguments, check_targets

    check_targets(cfg)
    check_arguments(cfg)


def stopped(interruption: BaseException) -> NoReturn:
    """Leave with the status of what stopped this process, and with what the interruption says."""
    print(str(interruption) or "Stopped; what is written is kept", file=sys.stderr)
    sys.exit(interrupted_status())


def fail(error: Exception, folder: Path | None = None) -> NoReturn:
    """Leave with the error in one line, which names the key of what Hydra could not make.

    In a sweep it is raised, so that the other jobs go on, and where HYDRA_FULL_ERROR=1 asks for all of it.

    Args:
        error: what went wrong.
        folder: keeps the line, where `summarize` finds it; by default a job's folder in a sweep.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from latent_inpaint.evaluation.files import ERROR_NAME
    from latent_inpaint.files import write_text

    error = named(error)
    job = HydraConfig.get()
    is_sweep = job.mode == RunMode.MULTIRUN
    folder = folder or (Path(job.runtime.output_dir) if is_sweep else None)
    if folder is not None:
        write_text(folder / ERROR_NAME, f"{error}  [{' '.join(job.overrides.task)}]\n")
    if is_sweep:
        print(f"Error: job {job.job.num}: {error}", file=sys.stderr)
        raise error
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"Error: {one_line(error)}\n(HYDRA_FULL_ERROR=1 shows where)", file=sys.stderr)
    sys.exit(1)


def named(error: Exception) -> Exception:
    """The cause of Hydra's InstantiationException, its message after the key; other errors as they are."""
    from hydra.errors import InstantiationException

    cause = error.__cause__
    if not isinstance(error, InstantiationException) or not isinstance(cause, Exception):
        return error
    key = re.search(r"^full_key: (\S+)$", str(error), re.MULTILINE)
    return ValueError(f"{key[1]}: {cause}") if key else cause


def _spelled(word: str) -> str:
    """A word as Hydra wants it.

    `experiment=NAME` gets its plus, and a path its quotes, since Hydra's grammar knows neither `=`, `(` nor
    letters with accents in names, and `~` becomes the home folder.
    """
    key, _, value = word.partition("=")
    if key == "experiment":
        return f"+{word}"
    path = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
    path = os.path.expanduser(path)
    is_other = (
        path in ("", "null")
        or path[0] in "[{$"
        or path[-1] == "\\"
        or ("," in path and not os.path.exists(path))
    )
    if key.lstrip("+") not in _PATHS or is_other:
        return word
    return f"{key}='" + path.replace("'", "\\'") + "'"
