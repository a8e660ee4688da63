"""What all tests share: tiny pictures on the disk, and configurations of tiny runs."""

import os
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ["LATENT_INPAINT_OFFLINE"] = "1"  # no test asks for a file that is not there

import numpy as np
import pytest
from PIL import Image
from tiny import OWN, TINY

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with train/ and val/: smooth random pictures of 40×48 pixels."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        (root / split).mkdir()
        for index in range(count):
            small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
            small.resize((48, 40), Image.Resampling.BICUBIC).save(root / split / f"{index}.png")
    return root


@pytest.fixture
def own_cache():
    """Named by tests that look at the cache of autoencoders: they get an empty one."""


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compose(request, pictures, shared_cache, tmp_path):
    """`compose("latent_control", "trainer.max_steps=3")`: the configuration of a run of a second.

    Equal autoencoders are trained once in a session, see `own_cache`.
    """
    cache = tmp_path / "outputs" / "cache" if "own_cache" in request.fixturenames else shared_cache
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import open_dict

    from latent_inpaint.training.config import register_resolvers

    register_resolvers()

    def make(experiment, *overrides):
        tiny = [
            f"+experiment={experiment}",
            *TINY,
            *(word.replace("tests/", f"{ROOT}/tests/") for word in OWN.get(experiment, ())),
            f"data.root={pictures}",
            "data.batch_size=2",
            "trainer.max_steps=2",
            "run_name=run",
            "data_name=folder",
            "masks_name=thick",
            f"paths.outputs={tmp_path / 'outputs'}",
            f"paths.cache={cache}",
        ]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = hydra_compose("train", overrides=[*tiny, *overrides])
        with open_dict(cfg):
            cfg.pop("hydra", None)
        return cfg

    return make
