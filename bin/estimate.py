"""Computes how long table 5.1 takes on 1, 8 and 64 GPUs: `python bin/estimate.py [model.ngf=64 …]`."""

import sys
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from latent_inpaint.training.config import register_resolvers
from latent_inpaint.training.cost import Machine, Training, markdown
from latent_inpaint.training.dry_run import step_cost

CONF = Path(__file__).resolve().parent.parent / "conf"
ROWS = ("autoencoder", "baseline", "control", "latent", "latent_control")
SETTINGS = ("model.ngf=64", "data.size=256", "data.batch_size=10", "autoencoder.max_steps=100000")
SETTINGS += ("trainer.max_steps=1000000", "data_name=sample", "masks_name=thick")


def training(cfg: DictConfig) -> Training:
    cost = step_cost(cfg)
    if cfg.training is None:
        module = instantiate(cfg.autoencoder.training, model=instantiate(cfg.autoencoder.network))
    else:
        module = instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)
    norms = sum(isinstance(part, nn.BatchNorm2d) and part.training for part in module.modules())
    steps = cfg.autoencoder.max_steps if cfg.training is None else cfg.trainer.max_steps
    return Training(
        cfg.experiment_name, cost.flops, cost.gradients, norms, steps * cost.batch_size, cost.batch_size
    )


def main() -> None:
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        configurations = [compose("train", [f"+experiment={row}", *SETTINGS, *sys.argv[1:]]) for row in ROWS]
    print(markdown([training(cfg) for cfg in configurations], Machine()))


if __name__ == "__main__":
    main()
