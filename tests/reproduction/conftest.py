"""Results that were made up, and folders as finished runs leave them."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from latent_inpaint.evaluation.card import source_sha256
from reproduction.configuration import composed
from reproduction.planning import Plan
from reproduction.results import Curves, Result
from reproduction.rows import Row, Run
from reproduction.settings import Settings

CONF = Path(__file__).resolve().parents[2] / "conf"
TINY = ("data.size=32", "data.batch_size=2", "data.num_workers=0", "model.ngf=2", "model.n_blocks=1")


@pytest.fixture
def settings(pictures, tmp_path):
    return Settings(pictures, tmp_path / "runs", steps=40, autoencoder_steps=2, extra=TINY)


@pytest.fixture
def row():
    """`row("baseline", seeds=(0, 1))`."""

    def make(name, **values):
        return Row(name=name, title=f"what {name} does", table=values.pop("table", "Table 5.1"), **values)

    return make


@pytest.fixture
def result():
    """`result("baseline", 0, fd=[60, 50, 40], second=0.5)`: half a second a step, 20 steps a validation."""

    def make(name, seed=0, fd=(60.0, 50.0, 40.0), second=0.5, ssim=0.8):
        steps = [20.0 * (i + 1) for i in range(len(fd))]
        seconds = [step * second for step in steps]
        values = {"fd_lite0": list(fd), "ssim": [ssim] * len(fd), "pd_lite0": [x / 100 for x in fd]}
        metrics = {key: series[-1] for key, series in values.items()} | {"psnr": 20.0, "l1_hole": 0.1}
        metrics |= {"fid": None, "lpips": None}
        intervals = {"fd_lite0": [metrics["fd_lite0"] - 2, metrics["fd_lite0"] + 2]}
        clock = [2 * value for value in seconds]
        return Result(name, seed, int(steps[-1]), metrics, intervals, Curves(steps, seconds, clock, values))

    return make


@pytest.fixture
def finish(settings):
    """`finish(run, "trainer.max_steps=20")`: the folder as the run leaves it, with overrides of its own."""

    def make(run: Run, *overrides, pictures=None):
        folder = settings.folder(run)
        cfg = composed(CONF, [*settings.overrides(run), *overrides])
        folder.mkdir(parents=True)
        OmegaConf.save(cfg, folder / "config.yaml")
        (folder / "model").mkdir()
        cfg = OmegaConf.masked_copy(cfg, [key for key in cfg if key not in ("data_name", "masks_name")])
        card = {"card": {"config": OmegaConf.to_container(cfg, resolve=True)}}
        (folder / "model" / "model.json").write_text(json.dumps(card))
        data = {
            "file_list_sha256": pictures or Plan([run.row], settings, CONF)._prepared[run.row.name].pictures
        }
        metrics = {"fd_lite0": 50.0, "pd_lite0": 0.5, "ssim": 0.8, "psnr": 20.0, "l1_hole": 0.1}
        row = {"method": run.row.name, "metrics": metrics, "intervals": {"fd_lite0": [48.0, 52.0]}}
        row["card"] = {"data": data, "checkpoint_sha256": source_sha256(folder), "commit": "0123456789"}
        (folder / "metrics.json").write_text(json.dumps({"rows": [row]}))
        (folder / "metrics.csv").write_text(
            "step,speed/cpu_seconds,speed/train_seconds,val/fd_lite0\n19,10,20,\n19,,,60\n39,30,50,\n39,,,50\n"
        )
        return folder

    return make
