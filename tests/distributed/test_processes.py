"""Training in two processes on CPUs: the same as one with the double batch; no hang when one dies."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tiny import TINY
from torch import nn

from latent_inpaint.evaluation.after_training import train_and_evaluate
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.distributed import SyncTrainedBatchNorm, joined_processes, share
from latent_inpaint.training.launch import processes_to_start

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

TRAIN = Path(__file__).parents[2] / "bin" / "train.py"
SETTINGS = [*TINY, "run_name=run"]
TWO = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"]


def command(pictures, outputs, *overrides, experiment="latent_control"):
    where = [f"data.root={pictures}", f"paths.outputs={outputs}"]
    return [sys.executable, str(TRAIN), f"+experiment={experiment}", *SETTINGS, *where, *overrides]


def columns(run):
    """Column of metrics.csv → its values in order."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def test_two_processes_train_as_one_with_the_double_batch(compose, pictures, tmp_path):
    # a low rate: Adam divides by the gradient's size; sums of other order grow to 2e-3 in four steps at 3e-3
    settings = ["trainer.max_steps=4", "trainer.log_every_n_steps=1", "training.optimizer.lr=3e-4"]
    one = train_and_evaluate(compose("latent_control", "data.batch_size=4", *settings, "methods=[mean]"))
    (autoencoder,) = (one.parents[1] / "cache" / "autoencoder").glob("*/model")
    shared = [f"autoencoder.checkpoint={autoencoder}", "data.batch_size=2", *settings]
    outputs = tmp_path / "two"
    done = subprocess.run(
        command(pictures, outputs, *TWO, *shared), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Results go to") == 1
    assert [path.name for path in (outputs / "latent_control").iterdir()] == ["run"]
    two = outputs / "latent_control" / "run"
    ours, theirs = columns(one), columns(two)
    for name in ("train/loss", "val/ssim", "val/psnr", "val/l1_hole", "val/latent_l1", "zero_conv_norm/3"):
        assert len(ours[name]) == len(theirs[name]) == 4 and np.allclose(ours[name], theirs[name], atol=1e-4)
    first, second = (
        json.loads((run / "metrics.json").read_text())["rows"][0]["metrics"] for run in (one, two)
    )
    assert abs(first["psnr"] - second["psnr"]) < 1e-4 and abs(first["ssim"] - second["ssim"]) < 1e-4
    assert read_checkpoint(two / "checkpoints" / "last.ckpt")["images_seen"] == 16


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "steps"), [("flow", 4), ("diffusion_v", 4), ("lama", 2)])
def test_drawn_and_adversarial_experiments_train_as_one_process(
    compose, pictures, tmp_path, experiment, steps
):
    """Of an adversarial training two steps: roundings grow fast in it."""
    settings = [f"trainer.max_steps={steps}", "trainer.log_every_n_steps=1"]
    one = train_and_evaluate(compose(experiment, "data.batch_size=4", *settings, "methods=[mean]"))
    found = (one.parents[1] / "cache" / "autoencoder").glob("*/model")
    shared = [f"autoencoder.checkpoint={path}" for path in found]
    outputs = tmp_path / "two"
    line = command(pictures, outputs, *TWO, *shared, "data.batch_size=2", *settings, experiment=experiment)
    done = subprocess.run(line, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    two = outputs / experiment / "run"
    ours, theirs = columns(one), columns(two)
    for name in [name for name in ours if name.startswith("train/")] + ["val/ssim", "val/psnr"]:
        assert np.allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-4), name
    first, second = (
        json.loads((run / "metrics.json").read_text())["rows"][0]["metrics"] for run in (one, two)
    )
    for name in ("psnr", "ssim", "l1_hole"):  # of what the two fill
        assert abs(first[name] - second[name]) < 1e-4


def test_who_starts_the_processes():
    trainer = OmegaConf.create({"strategy": "ddp", "devices": 3, "accelerator": "cpu", "num_nodes": 1})
    assert processes_to_start(trainer, {}) == 3
    assert processes_to_start(trainer, {"TORCHELASTIC_RUN_ID": "x"}) == 0
    assert processes_to_start(trainer, {"SLURM_NTASKS": "8"}) == 0
    assert processes_to_start(trainer, {"SLURM_NTASKS": "1"}) == 3
    assert processes_to_start(OmegaConf.merge(trainer, {"devices": [0, 2]}), {}) == 2
    assert processes_to_start(OmegaConf.merge(trainer, {"devices": "auto"}), {}) == 0
    assert processes_to_start(OmegaConf.create({"devices": 8, "accelerator": "gpu"}), {}) == 0
    with pytest.raises(ValueError, match=r"trainer.num_nodes=2: start this command on every node"):
        processes_to_start(OmegaConf.merge(trainer, {"num_nodes": 2}), {})


def test_alone_nothing_is_joined():
    with joined_processes("cpu") as first:
        assert first and share(lambda: 3) == 3 and not torch.distributed.is_initialized()


def test_only_layers_that_train_are_synchronised(monkeypatch):
    monkeypatch.setattr(torch.distributed, "get_backend", lambda: "gloo")
    model = nn.Sequential(nn.Sequential(nn.BatchNorm2d(2)), nn.BatchNorm2d(2).eval())
    frozen, trained = model[1], model[0][0]
    sync = SyncTrainedBatchNorm()
    names = set(model.state_dict())
    sync.apply(model)
    assert model[1] is frozen and model[0][0] is not trained
    assert model[0][0].weight is trained.weight and set(model.state_dict()) == names
    model[0][0].running_mean += 1
    sync.revert(model)
    assert model[0][0] is trained and (trained.running_mean == 1).all()


def children(process):
    """Process numbers of the trainings, below torchrun."""
    torchrun = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
    ).stdout.split()
    found = [
        subprocess.run(["pgrep", "-P", pid], capture_output=True, text=True).stdout.split()
        for pid in torchrun
    ]
    return [int(pid) for pids in found for pid in pids]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def start_and_wait_for_a_checkpoint(pictures, tmp_path):
    overrides = [
        *TWO,
        "trainer.max_steps=100000",
        "data.batch_size=2",
        "callbacks.checkpoint.every_n_steps=10",
    ]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        command(pictures, tmp_path, *overrides), stdout=log, stderr=log, env=os.environ
    )
    last = tmp_path / "latent_control" / "run" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 200
    while not last.is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    assert last.is_file(), (tmp_path / "log").read_text()
    return process, last


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_others_within_a_minute(pictures, tmp_path, victim):
    process, last = start_and_wait_for_a_checkpoint(pictures, tmp_path)
    pids = children(process)
    assert len(pids) == 2
    os.kill(pids[victim], signal.SIGKILL)
    assert process.wait(timeout=60) == 1
    assert "Error: training in 2 processes failed" in (tmp_path / "log").read_text()
    assert not any(running(pid) for pid in pids)
    assert read_checkpoint(last)["global_step"] >= 10


@pytest.mark.slow
def test_sigterm_stops_all_processes_at_the_same_step(pictures, tmp_path):
    process, last = start_and_wait_for_a_checkpoint(pictures, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    stopped = read_checkpoint(last)
    assert (
        f"SIGTERM at step {stopped['global_step']}; resume={last} goes on" in (tmp_path / "log").read_text()
    )
    resumed = [*TWO, f"resume={last}", f"trainer.max_steps={stopped['global_step'] + 2}", "data.batch_size=2"]
    done = subprocess.run(command(pictures, tmp_path, *resumed), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert read_checkpoint(last)["images_seen"] == stopped["images_seen"] + 8
