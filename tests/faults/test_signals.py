"""SIGTERM and SIGKILL: what a cluster and the kernel do to a training."""

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback
from tiny import TINY

from latent_inpaint.models import load_model
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.callbacks import Throughput
from latent_inpaint.training.run import train

KILLS = 20
# Trains in a new process for each folder that comes in; says its number, then how it ended.
DRIVER = """
import os, sys, traceback
from omegaconf import OmegaConf
from latent_inpaint.training import run
from latent_inpaint.training.config import register_resolvers
register_resolvers()
cfg = OmegaConf.load(sys.argv[1])
for outputs in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        cfg.paths.outputs = outputs.strip()
        try:
            run.train(cfg)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def weights(run):
    return read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


class SignalAt(Callback):
    def __init__(self, step, hook):
        self.step = step
        setattr(self, hook, self._send)

    def _send(self, trainer, *_):
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("hook", "kept"),
    [("on_train_batch_start", 3), ("on_validation_batch_start", 2)],
    ids=["step", "validation"],
)
def test_sigterm_keeps_a_checkpoint_that_goes_on_exactly(compose, monkeypatch, hook, kept):
    """At step 2, which is also a validation: the step is finished, or the checkpoint before it stays."""
    settings = ["data.size=64", "callbacks.checkpoint.every_n_steps=2", "trainer.val_check_interval=2"]
    whole = train(compose("latent_control", "trainer.max_steps=5", "run_name=whole", *settings))
    sender = SignalAt(2, hook)
    with monkeypatch.context() as patch:
        patch.setattr(Throughput, hook, lambda self, *arguments: sender._send(*arguments), raising=False)
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as ended:
            train(compose("latent_control", "trainer.max_steps=5", "resume=auto", *settings))
    assert ended.value.code == 143 and signal.getsignal(signal.SIGTERM) is before
    run = whole.parent / "run"
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == kept
    assert train(compose("latent_control", "trainer.max_steps=5", "resume=auto", *settings)) == run.resolve()
    assert same(weights(run), weights(whole))


def training_process(pictures, folder):
    """A training in a process group of its own, past its first checkpoint; its log and its checkpoint."""
    overrides = ["experiment=latent_control", *TINY, f"data.root={pictures}", "data.num_workers=1"]
    overrides += ["trainer.max_steps=100000", "trainer.val_check_interval=100000", "run_name=run"]
    overrides += ["data.batch_size=2", "callbacks.checkpoint.every_n_steps=10"]
    command = [sys.executable, "-m", "latent_inpaint", "train", *overrides]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    last = folder / "outputs" / "latent_control" / "run" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 200
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process, folder / "log", last


def test_sigterm_to_the_whole_group_ends_as_one_to_the_process_does(pictures, tmp_path):
    """As `timeout`, systemd and batch systems send it; data workers get it, too."""
    process, log, last = training_process(pictures, tmp_path)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 143, log.read_text()
    stopped = read_checkpoint(last)["global_step"]
    assert f"SIGTERM at step {stopped}; resume=" in log.read_text()
    assert "DataLoader worker" not in log.read_text()


@pytest.mark.slow
def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(pictures, tmp_path):
    process, log, last = training_process(pictures, tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
    assert process.wait(60) == 130, log.read_text()
    stopped = read_checkpoint(last)["global_step"]
    assert f"Stopped at step {stopped}; resume=" in log.read_text()


def test_a_run_killed_after_its_last_step_still_saves_the_averaged_weights(compose):
    """Neither stage has a step left to do; with so few steps stage 1 has not even been validated."""
    settings = ["resume=auto", "trainer.val_check_interval=3", "trainer.max_steps=4"]
    run = train(compose("latent_control", *settings))
    saved = load_model(run / "model").state_dict()
    shutil.rmtree(run / "model")
    for path in (run.parents[1] / "cache").rglob("*.safetensors"):
        path.unlink()
    assert train(compose("latent_control", *settings)) == run.resolve()
    assert same(load_model(run / "model").state_dict(), saved)


def test_a_killed_data_worker_is_an_error_that_says_so(compose, monkeypatch):
    def kill(*_):
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    monkeypatch.setattr(Throughput, "on_train_batch_start", kill)
    with pytest.raises(
        RuntimeError, match=r"DataLoader worker.*(killed by signal|exited unexpectedly).*memory"
    ):
        train(compose("latent_control", "data.num_workers=1", "trainer.max_steps=50"))


class Driver:
    """Trains in processes that it can kill; see `DRIVER`."""

    def __init__(self, cfg, folder):
        self.folder = folder
        OmegaConf.save(cfg, folder / "config.yaml")
        self.log = folder / "log"
        command = [sys.executable, "-c", DRIVER, str(folder / "config.yaml")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.log.open("w")}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def train(self, name, kill_after=None):
        """Train in the folder `name`, perhaps going on; return how the process ended."""
        print(self.folder / name, file=self.process.stdin, flush=True)
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # it is done already
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline())

    def weights(self, name):
        return weights(self.folder / name / "latent_control" / "run")


@pytest.mark.slow
def test_20_kills_at_random_moments_do_not_change_the_weights(compose, tmp_path):
    settings = ["trainer.max_steps=60", "autoencoder.max_steps=20", "callbacks.checkpoint.every_n_steps=3"]
    settings += [
        "callbacks.samples=null",
        "resume=auto",
        "data.num_workers=1",
        "trainer.val_check_interval=20",
    ]
    driver = Driver(compose("latent_control", *settings), tmp_path)
    start = time.monotonic()
    assert driver.train("whole") == 0, driver.log.read_text()
    seconds, rng = time.monotonic() - start, random.Random(0)
    kills, runs = 0, 0
    while kills < KILLS:
        while driver.train(f"run{runs}", kill_after=rng.random() * seconds / 3) == -signal.SIGKILL:
            kills += 1
            print(f"kill {kills} in run {runs}")
        runs += 1
    driver.process.stdin.close()
    assert driver.process.wait() == 0
    print(f"{kills} kills in {runs} runs of {seconds:.0f} s")
    assert all(same(driver.weights(f"run{number}"), driver.weights("whole")) for number in range(runs))
