"""Train: `python bin/train.py +experiment=latent_control data=sample`; `--help` lists the groups and keys."""

import sys

import hydra
from omegaconf import DictConfig

from latent_inpaint.training.config import register_resolvers

register_resolvers()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(cfg: DictConfig) -> None:
    from latent_inpaint.training.run import Interrupted, train

    try:
        train(cfg)
    except Interrupted as interruption:
        sys.exit(str(interruption))


if __name__ == "__main__":
    main()
