"""A full disk, damaged pictures, and pictures that disappear while training."""

import logging
import os
import resource
import subprocess

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image

from latent_inpaint.models import Autoencoder, Decoder, Encoder, load_model, save_model
from latent_inpaint.training.checkpoints import AtomicCheckpointIO

LARGE = {"weights": torch.zeros(300_000)}


@pytest.fixture
def small_files():
    """The kernel refuses to write files beyond 256 KiB, half way through a checkpoint."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs privileges")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def check_that_the_previous_files_stay(folder):
    with pytest.raises(OSError, match=r"last.ckpt: could not be written .*; what was written before is kept"):
        AtomicCheckpointIO().save_checkpoint(LARGE, folder / "last.ckpt")
    assert AtomicCheckpointIO().load_checkpoint(folder / "last.ckpt") == {"step": 1}
    with pytest.raises(OSError, match=r"model.safetensors.*could not be written"):
        save_model(Autoencoder(Encoder(32), Decoder(32)), folder / "model")
    assert load_model(folder / "model").encoder.stem.conv.out_channels == 2
    assert sorted(path.name for path in (folder / "model").iterdir()) == ["config.json", "model.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == ["last.ckpt", "model"]


def write_first_files(folder):
    AtomicCheckpointIO().save_checkpoint({"step": 1}, folder / "last.ckpt")
    save_model(Autoencoder(Encoder(2), Decoder(2)), folder / "model")


def test_a_write_that_fails_half_way_keeps_the_previous_file(tmp_path, request):
    write_first_files(tmp_path)
    request.getfixturevalue("small_files")
    check_that_the_previous_files_stay(tmp_path)


def test_a_full_disk_keeps_the_previous_file(small_disk):
    write_first_files(small_disk)
    check_that_the_previous_files_stay(small_disk)


@pytest.fixture
def many_pictures(tmp_path):
    """200 pictures for training, 4 for validation."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 200), ("val", 4)):
        (tmp_path / split).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / f"{index}.png", compress_level=1)
    return tmp_path


def data(compose, root, *overrides):
    settings = [f"data.root={root}", "data.batch_size=10", "data.cache_mb=0", *overrides]
    module = instantiate(compose("latent_control", *settings).data)
    module.setup()
    return module


def test_one_percent_of_damaged_pictures_is_skipped_and_named(compose, many_pictures, caplog):
    truncated, empty = (many_pictures / "train" / name for name in ("7.png", "90.png"))
    truncated.write_bytes(truncated.read_bytes()[:900])
    empty.write_bytes(b"")
    module = data(compose, many_pictures)
    batches = iter(module.train_dataloader())
    with caplog.at_level(logging.WARNING):
        names = [name for _ in range(40) for name in next(batches).name]
    assert len(names) == 400 and not {"7.png", "90.png"} & set(names)
    assert set(module.summary()["train_unreadable"]) == {"7.png", "90.png"}
    assert len([r for r in caplog.records if "7.png" in r.message and "skipped" in r.message]) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_that_disappear_are_skipped_until_none_is_left(compose, many_pictures, workers):
    module = data(compose, many_pictures, f"data.num_workers={workers}")
    batches = iter(module.train_dataloader())
    next(batches)
    for path in [*(many_pictures / "train").iterdir()][:150]:
        path.unlink()
    for _ in range(5):  # a worker has prepared some already
        next(batches)
    batch = next(batches)
    assert len(batch.name) == 10 and all((many_pictures / "train" / name).is_file() for name in batch.name)
    for split in ("train", "val"):
        for path in (many_pictures / split).iterdir():
            path.unlink()
    with pytest.raises(RuntimeError, match=r"none of the 200 pictures in .*train can be read"):
        for _ in range(10):
            next(batches)
    with pytest.raises(RuntimeError, match=r"none of the 4 pictures in .*val can be read"):
        list(module.val_dataloader())
