"""Cached latents: the same training but for float16, made once, checked; refused where wrong."""

import logging

import numpy as np
import pytest
import torch

from latent_inpaint.data import collated
from latent_inpaint.data.latent_cache import CachedLatents
from latent_inpaint.instantiate import instantiate
from latent_inpaint.training.caching import cache_latents
from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.run import train
from latent_inpaint.training.stages import planned_stages

SMALL = (
    "data.size=64",
    "data.train_subset=4",
    "data.batch_size=4",
    "data.cache_latents=2",
    "data.num_workers=0",
)


def prepared(compose, experiment, tmp_path, *overrides):
    cfg = compose(experiment, "trainer.max_steps=2", *SMALL, *overrides)
    torch.manual_seed(0)
    module = planned_stages(cfg)[0].build(instantiate(cfg.model.network)).eval()
    datamodule = instantiate(cfg.data)
    datamodule.setup()
    cache_latents(module, datamodule, tmp_path / "latents")
    return module, datamodule


def test_rows_are_the_samples_of_their_epochs(compose, tmp_path):
    module, datamodule = prepared(compose, "flow", tmp_path)
    samples, cached = datamodule.train_dataset(), datamodule.cached
    for key in ((0, 0), (1, 3), (3, 2)):
        expected, found = samples[key[0] % 2, key[1]], cached[key]
        assert found.name == expected.name and torch.equal(found.mask, expected.mask)
        torch.testing.assert_close(found.image, expected.image, atol=1e-6, rtol=0)
        image, mask = expected.image[None], expected.mask[None]
        for kind, latent in (
            ("target", module.model.encode(image)),
            ("masked", module.model.encode_masked(image, mask)),
        ):
            torch.testing.assert_close(found.latents[kind][None], latent, atol=1e-2, rtol=2e-3)
    batch = next(iter(datamodule.train_dataloader()))
    assert batch.latents["masked"].shape == batch.latents["target"].shape == (4, *latent.shape[1:])
    assert torch.equal(collated([batch, batch]).latents["target"][4:], batch.part(range(4)).latents["target"])


def test_a_guide_that_trains_keeps_only_the_true_latents(compose, tmp_path):
    _, datamodule = prepared(compose, "latent_control", tmp_path)
    assert set(datamodule.cached[0, 0].latents) == {"target"}


def test_they_are_made_once_and_checked(compose, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    _, datamodule = prepared(compose, "flow", tmp_path)
    prepared(compose, "flow", tmp_path)
    prepared(compose, "flow_min_snr", tmp_path)
    assert caplog.text.count("computing those of 2 epochs of 4 samples") == 1
    prepared(compose, "flow", tmp_path, "data.train_masks.name=box")
    assert caplog.text.count("computing") == 2
    folder = datamodule.cached.folder
    array = np.lib.format.open_memmap(folder / "target.npy", "r+")
    array[0] += 1
    array.flush()
    with pytest.raises(ValueError, match=r"target.npy: not as it was written; delete"):
        CachedLatents(folder, datamodule.splits.train.names)


def test_a_training_is_the_same_but_for_half_precision(compose):
    weights = []
    for more in ([], ["data.cache_latents=null"]):
        cfg = compose("flow", "trainer.max_steps=2", *SMALL, *more)
        cfg.run_name = f"run{len(weights)}"
        weights.append(network_weights(train(cfg) / "checkpoints" / "last.ckpt"))
    one, other = weights
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=2e-2, rtol=2e-2)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("experiment", "more", "message"),
    [
        ("flow", ["training.trainable=[encoder,refiner]"], "data.cache_latents: the encoder trains"),
        ("flow", ["data.augment_on_device=true"], "cache_latents: not with augment_on_device"),
        ("flow", ["data.cache_latents=0"], "cache_latents: expected 1 or more"),
    ],
)
def test_what_cannot_be_cached(compose, tmp_path, experiment, more, message):
    with pytest.raises(Exception, match=message):
        prepared(compose, experiment, tmp_path, *more)
