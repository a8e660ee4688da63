"""Computes how long table 5.1 takes on 1, 8 and 64 GPUs."""

import argparse
import sys

from latent_inpaint.commands.script import run_script

EXAMPLES = """  python bin/estimate.py
  python bin/estimate.py model.ngf=32 data.size=512"""
ROWS = ("autoencoder", "baseline", "control", "latent", "latent_control")
SETTINGS = ("model.ngf=64", "data.size=256", "data.batch_size=10", "autoencoder.batch_size=10")
SETTINGS += ("autoencoder.max_steps=100000",)
SETTINGS += ("trainer.max_steps=1000000", "data_name=sample", "masks_name=thick")


def fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the configuration, of all rows")


def run(options: argparse.Namespace) -> None:
    from hydra import compose, initialize_config_dir

    from latent_inpaint.commands.override_errors import check_overrides
    from latent_inpaint.resources import conf_folder
    from latent_inpaint.training.config import register_resolvers
    from latent_inpaint.training.cost import Machine, markdown, planned_training

    register_resolvers()
    check_overrides("train", options.overrides, conf_folder())
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        configurations = [
            compose("train", [f"+experiment={row}", *SETTINGS, *options.overrides]) for row in ROWS
        ]
    print(markdown([planned_training(cfg) for cfg in configurations], Machine()))


if __name__ == "__main__":
    sys.exit(run_script("estimate", __doc__, EXAMPLES, fill, run))
