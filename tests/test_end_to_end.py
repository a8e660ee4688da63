"""What a newcomer does: train, repair a picture from the command line and from Python; a crash between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import latent_inpaint
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.run import train

ROOT = Path(__file__).parents[1]


def test_train_then_predict(compose, tmp_path, monkeypatch):
    run = train(compose("latent_control"))
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (45, 61, 3), dtype=np.uint8)
    mask = np.zeros((45, 61), dtype=np.uint8)
    mask[10:30, 20:50] = 255
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    command = [sys.executable, str(ROOT / "bin" / "predict.py"), "--model", str(run), "--image", "image.png"]
    command += ["--mask", "mask.png", "--output", "out.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    from_command = np.array(Image.open(tmp_path / "out.png"))
    model = latent_inpaint.load(run)
    from_python = latent_inpaint.inpaint(image, mask, model)
    assert np.array_equal(from_command, from_python)
    assert np.array_equal(from_python[mask == 0], image[mask == 0])
    assert not np.array_equal(from_python[mask > 0], image[mask > 0])


@pytest.mark.slow
def test_kill_9_loses_at_most_what_came_after_the_last_checkpoint(pictures, tmp_path):
    def command(*overrides):
        arguments = ["+experiment=latent_control", "data=folder", f"data.root={pictures}", "data.size=32"]
        arguments += ["data.batch_size=2", "data.num_workers=0", "model.ngf=2", "model.n_blocks=1"]
        arguments += [
            "autoencoder.max_steps=2",
            "trainer.max_steps=400",
            "callbacks.checkpoint.every_n_steps=10",
        ]
        arguments += [
            "trainer.val_check_interval=400",
            "methods=[mean]",
            "metrics=lite0",
            "metrics.replicates=10",
        ]
        return [sys.executable, str(ROOT / "bin" / "train.py"), *arguments, *overrides]

    subprocess.run(command(f"paths.outputs={tmp_path / 'whole'}", "run_name=run"), check=True, timeout=600)
    killed = tmp_path / "killed"
    process = subprocess.Popen(command(f"paths.outputs={killed}", "run_name=run"), env=os.environ)
    last = killed / "latent_control" / "run" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 300
    while not last.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 10 <= read_checkpoint(last)["global_step"] < 400
    subprocess.run(command(f"paths.outputs={killed}", f"resume={last}"), check=True, timeout=600)
    one = read_checkpoint(tmp_path / "whole" / "latent_control" / "run" / "checkpoints" / "last.ckpt")[
        "state_dict"
    ]
    two = read_checkpoint(last)["state_dict"]
    assert all(torch.equal(one[name], two[name]) for name in one)
