"""The command `train`: from its command line to a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from latent_inpaint.commands.hydra_line import check_parts, fail, prepare, run_hydra, stopped

if TYPE_CHECKING:
    from omegaconf import DictConfig

_EXPECTED = (ArithmeticError, OSError, RuntimeError, ValueError)


def main(arguments: Sequence[str], program: str | None = None) -> int:
    """Train what a command line in Hydra's grammar describes; the exit status.

    Args:
        arguments: such as `experiment=latent_control data=sample`.
        program: what the command is called, where that is not the running script.
    """
    return run_hydra("train", "train", run, arguments, program, _check)


def run(cfg: DictConfig) -> float | None:
    """Train, or print what it would cost; the value that a sweeper optimises."""
    from hydra.errors import InstantiationException

    try:
        prepare(cfg)
        if cfg.resume is None or cfg.resume == "auto":
            require_experiment(cfg)
        else:
            from hydra.core.hydra_config import HydraConfig

            from latent_inpaint.training.resuming import resumed_config

            cfg = resumed_config(cfg, HydraConfig.get().overrides.task)
        check_size(cfg)
        check_parts(cfg)
        if cfg.dry_run:
            from latent_inpaint.training.dry_run import dry_run

            print(dry_run(cfg))
            return None
        from latent_inpaint.training.launch import run_in_processes

        if run_in_processes(cfg.trainer):
            return None
        from latent_inpaint.evaluation.after_training import optimized_value, train_and_evaluate
        from latent_inpaint.training.fitting import Interrupted
        from latent_inpaint.training.folders import begun_folder
    except (InstantiationException, OSError, RuntimeError, ValueError) as error:
        return fail(error)
    from omegaconf.errors import OmegaConfBaseException
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    began = time.time()
    try:
        return optimized_value(cfg, train_and_evaluate(cfg))
    except (Interrupted, KeyboardInterrupt) as interruption:
        return stopped(interruption)
    except (*_EXPECTED, InstantiationException, MisconfigurationException, OmegaConfBaseException) as error:
        return fail(error, begun_folder(cfg, began))


def require_experiment(cfg: DictConfig) -> None:
    """Refuse a command line that names no experiment, with the list of them.

    Raises:
        ValueError: lists the files of `conf/experiment`.
    """
    from omegaconf import OmegaConf

    from latent_inpaint.resources import conf_folder

    if OmegaConf.is_missing(cfg, "experiment_name"):
        names = ", ".join(sorted(path.stem for path in (conf_folder() / "experiment").glob("*.yaml")))
        raise ValueError(f"give experiment=NAME, one of {names}")


def check_size(cfg: DictConfig) -> None:
    """Refuse crops that the network cannot halve as often as it does.

    Raises:
        ValueError: names `data.size` and the factor.
    """
    from omegaconf import OmegaConf

    stages = OmegaConf.select(cfg, "model.stage_channels")
    if OmegaConf.is_list(stages):  # a pretrained network's own are in its files
        halvings = len(stages) - 1
        if cfg.data.size % 2**halvings:
            raise ValueError(
                f"data.size: must be a multiple of {2**halvings} (the network halves it {halvings} times), "
                f"got {cfg.data.size}"
            )


def _check(arguments: Sequence[str]) -> None:
    from latent_inpaint.evaluation.command import check_method_names
    from latent_inpaint.resources import conf_folder

    check_method_names(arguments, conf_folder() / "methods")
