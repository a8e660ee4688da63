"""Computes how long table 5.1 takes on 1, 8 and 64 GPUs: `python bin/estimate.py [model.ngf=64 …]`."""

import sys
from pathlib import Path

from hydra import compose, initialize_config_dir

from latent_inpaint.training.config import register_resolvers
from latent_inpaint.training.cost import Machine, markdown, planned_training

CONF = Path(__file__).resolve().parent.parent / "conf"
ROWS = ("autoencoder", "baseline", "control", "latent", "latent_control")
SETTINGS = ("model.ngf=64", "data.size=256", "data.batch_size=10", "autoencoder.batch_size=10")
SETTINGS += ("autoencoder.max_steps=100000",)
SETTINGS += ("trainer.max_steps=1000000", "data_name=sample", "masks_name=thick")


def main() -> None:
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        configurations = [compose("train", [f"+experiment={row}", *SETTINGS, *sys.argv[1:]]) for row in ROWS]
    print(markdown([planned_training(cfg) for cfg in configurations], Machine()))


if __name__ == "__main__":
    main()
