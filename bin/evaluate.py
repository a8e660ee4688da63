"""Evaluate: `python bin/evaluate.py checkpoint=PATH masks=thick methods=[telea,patchmatch]`; see `--help`."""

import sys
from pathlib import Path

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig

from latent_inpaint.evaluation.command import check_method_names
from latent_inpaint.instantiate import allow
from latent_inpaint.training.config import register_resolvers, share_cores

CONF = Path(__file__).resolve().parent.parent / "conf"

share_cores()
register_resolvers()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def main(cfg: DictConfig) -> None:
    from latent_inpaint.evaluation.command import run

    try:
        allow(*cfg.allowed_modules)
        print(f"Results: {run(cfg)}")
    except KeyboardInterrupt as interruption:
        sys.exit(str(interruption) or "Stopped; what is written is kept")
    except InstantiationException as error:
        sys.exit(f"Error: {error.__cause__ or error}")
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    try:
        check_method_names(sys.argv[1:], CONF / "methods")
    except ValueError as error:
        sys.exit(f"Error: {error}")
    main()
