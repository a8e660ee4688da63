"""Train: `python bin/train.py +experiment=latent_control data=sample`; `--help` lists the groups and keys."""

import sys
from pathlib import Path

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig

from latent_inpaint.evaluation.command import check_method_names
from latent_inpaint.instantiate import allow, check_targets
from latent_inpaint.training.config import fail, register_resolvers, require_experiment, share_cores
from latent_inpaint.training.launch import run_in_processes

CONF = Path(__file__).resolve().parent.parent / "conf"

share_cores()
register_resolvers()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(cfg: DictConfig) -> float | None:
    register_resolvers()  # some launchers call this function in a fresh process
    require_experiment(cfg, CONF / "experiment")
    try:
        allow(*cfg.allowed_modules)
        check_targets(cfg)
    except ValueError as error:
        fail(error)
    if cfg.dry_run:
        return print_costs(cfg)
    try:
        if run_in_processes(cfg.trainer, Path(__file__)):
            return None
    except (RuntimeError, ValueError) as error:
        fail(error)
    from latent_inpaint.training.folders import optimized_value
    from latent_inpaint.training.run import Interrupted, train

    try:
        return optimized_value(cfg, train(cfg))
    except (Interrupted, KeyboardInterrupt) as interruption:
        sys.exit(str(interruption))
    except (InstantiationException, ArithmeticError, OSError, RuntimeError, ValueError) as error:
        fail(error)
    return None


def print_costs(cfg: DictConfig) -> None:
    from latent_inpaint.training.dry_run import dry_run

    try:
        print(dry_run(cfg))
    except (InstantiationException, OSError, ValueError) as error:
        fail(error)


if __name__ == "__main__":
    try:
        check_method_names(sys.argv[1:], CONF / "methods")
    except ValueError as error:
        sys.exit(f"Error: {error}")
    main()
