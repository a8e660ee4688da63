"""The configuration of an evaluation of a second."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from latent_inpaint.training.config import register_resolvers

ROOT = Path(__file__).parents[2]


def configure(pictures, *overrides):
    register_resolvers()
    fixed = [
        "data=folder",
        f"data.root={pictures}",
        "data.size=32",
        "data.batch_size=2",
        "data.num_workers=0",
    ]
    fixed += [
        "metrics=lite0",
        "metrics.replicates=20",
        "run_name=run",
        "gallery.pictures=2",
        "gallery.extremes=1",
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("evaluate", overrides=[*fixed, "data_name=folder", "masks_name=thick", *overrides])
    return cfg
