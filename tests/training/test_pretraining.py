"""The cache of pretrained autoencoders, checkpoints on the disk, and the command line's start."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from latent_inpaint.models import Autoencoder, Decoder, Encoder, load_model, save_model
from latent_inpaint.training.checkpoints import AtomicCheckpointIO
from latent_inpaint.training.pretraining import autoencoder_folder, fingerprint
from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

ROOT = Path(__file__).parents[2]


def test_jobs_at_the_same_time_pretrain_once(tmp_path):
    calls, folders = [], []

    def pretrain(folder, resume):
        calls.append(resume)
        time.sleep(0.3)
        save_model(Autoencoder(Encoder(2), Decoder(2)), folder / "model")

    def job():
        folders.append(autoencoder_folder("auto", {"seed": 0}, tmp_path, pretrain))

    jobs = [threading.Thread(target=job) for _ in range(4)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    assert calls == [None]
    assert set(folders) == {tmp_path / fingerprint({"seed": 0})}


def test_an_interrupted_pretraining_goes_on_from_its_checkpoint(tmp_path):
    last = tmp_path / fingerprint({"seed": 1}) / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.touch()
    resumed = []
    autoencoder_folder("auto", {"seed": 1}, tmp_path, lambda folder, resume: resumed.append(resume))
    assert resumed == [last]


def test_the_fingerprint_knows_what_matters():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_failed_write_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def full_disk(checkpoint, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match=r"last.ckpt: could not be written .*; what was written before is kept"):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


JOB = ["+experiment=latent_control_sharp", "--cfg", "job"]


@pytest.mark.parametrize("arguments", [["--help"], JOB, [*JOB, "--resolve"]])
def test_help_and_cfg_import_nothing_heavy(arguments):
    """Answering must not wait for torch: the entry imports heavy packages when the run starts."""
    script = (
        "import runpy, sys, atexit\n"
        "atexit.register(lambda: sys.stderr.write('HEAVY' if 'torch' in sys.modules else 'LIGHT'))\n"
        f"sys.argv = ['train.py', *{arguments!r}]\n"
        f"runpy.run_path({str(ROOT / 'bin' / 'train.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("LIGHT")
    assert "latent_control" in done.stdout


def test_an_error_ends_with_a_message_and_a_status(tmp_path):
    command = [sys.executable, str(ROOT / "bin" / "train.py"), "+experiment=latent", "data=folder"]
    command += [f"data.root={tmp_path / 'none'}", f"paths.outputs={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-2]
    assert message.startswith("Error: data.root: expected a folder") and str(tmp_path / "none") in message
    done = subprocess.run(command[:2], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "give experiment=NAME, one of autoencoder, baseline" in done.stderr


def test_init_from_spares_the_stage_that_it_brings(compose, monkeypatch, caplog):
    first = train(compose("latent_control", "autoencoder.max_steps=3"))
    monkeypatch.setattr(
        "latent_inpaint.training.run.autoencoder_folder", lambda *_: pytest.fail("stage 1 ran")
    )
    with caplog.at_level("INFO"):
        second = train(
            compose("baseline", f"init_from={first}", "training.trainable=[refiner]", "run_name=two")
        )
    assert "it brings an autoencoder, stage 1 is not needed" in caplog.text
    one, two = (load_model(run / "model") for run in (first, second))
    for name, tensor in one.encoder.state_dict().items():
        assert torch.equal(two.encoder.state_dict()[name], tensor), name
    assert torch.equal(two.guide.encoder.stem.conv.weight[:, :3], one.encoder.stem.conv.weight)
    with pytest.raises(pytest.fail.Exception, match="stage 1 ran"):
        train(compose("latent_control", f"init_from={first}", "model.ngf=4", "run_name=wider"))
