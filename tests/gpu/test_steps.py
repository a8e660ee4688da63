"""Whole steps by the Trainer on a GPU: nobody waits, nothing is lost, randomness comes back."""

import warnings

import pytest
import pytorch_lightning as pl
import torch
from gpu_steps import SIZES, Rehearsal
from pytorch_lightning.callbacks import Callback, Checkpoint
from torch import nn

from benchmarks.gpu import NoiseData, configuration, training_module
from latent_inpaint.losses import LatentL1, NonFiniteLossError
from latent_inpaint.models import Autoencoder, ResidualDecoder, ResidualEncoder
from latent_inpaint.models.autoencoders.block_transform import start_from_pictures
from latent_inpaint.training.callbacks import LastCheckpoint
from latent_inpaint.training.checkpoints import AtomicCheckpointIO
from latent_inpaint.training.randomness import random_states, restore_random_states

pytestmark = pytest.mark.gpu


def fit(module, steps, folder, resume=None, callbacks=()):
    trainer = pl.Trainer(
        accelerator="gpu",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        default_root_dir=folder,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, datamodule=NoiseData(64, 4), ckpt_path=resume, weights_only=True)
    return trainer


class CountWaits(Callback):
    """What waits for the device from a batch's arrival to its last callback, after two steps' warm-up."""

    def __init__(self):
        self.waits = []

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step >= 2:
            self._catching = warnings.catch_warnings(record=True)
            self._caught = self._catching.__enter__()
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")

    def on_train_batch_end(self, *_):
        torch.cuda.set_sync_debug_mode("default")
        if hasattr(self, "_catching"):
            self._catching.__exit__(None, None, None)
            found = [w for w in self._caught if "synchroniz" in str(w.message)]
            self.waits += [f"{w.filename}:{w.lineno}" for w in found]
            del self._catching


@pytest.mark.parametrize("experiment", ["latent_control", "lama", "flow", "diffusion_v"])
def test_no_step_waits_for_the_device(experiment, tmp_path):
    count = CountWaits()
    fit(Rehearsal(experiment).module, 5, tmp_path, callbacks=[count])
    assert not count.waits


def test_the_average_does_not_wait_and_is_the_recursion(tmp_path):
    module = Rehearsal("latent_control").module
    average, weights = module._average, []

    update = average._update

    def watched(pl_module):
        weights.append({name: w.clone() for name, w in pl_module.model.refiner.state_dict().items()})
        if average._pairs is not None:  # the first step finds what belongs together
            torch.cuda.set_sync_debug_mode("error")
        try:
            update(pl_module)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    average._update = watched
    fit(module, 4, tmp_path)
    assert len(weights) == 4
    found = average._average_model.module.model.refiner.state_dict()
    for name, tensor in found.items():
        if tensor.is_floating_point() and "running" not in name:
            expected = weights[0][name]
            for index, later in enumerate(weights[1:]):
                expected = torch.lerp(expected, later[name], max(1 - average.decay, 4 / (index + 6)))
            torch.testing.assert_close(tensor, expected)


def test_random_states_come_back():
    device = torch.device("cuda", 0)
    states = random_states(device)
    first = torch.rand(3), torch.rand(3, device=device)
    restore_random_states(states, device)
    again = torch.rand(3), torch.rand(3, device=device)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    restore_random_states({"cpu": states["cpu"]}, device)  # of a run on the CPU
    assert torch.equal(torch.rand(3), first[0])


@pytest.mark.parametrize("experiment", ["latent_control", "flow"])
def test_a_resumed_run_draws_and_trains_as_an_uninterrupted_one(experiment, tmp_path):
    whole = Rehearsal(experiment).module
    fit(whole, 4, tmp_path)
    first = Rehearsal(experiment).module
    fit(first, 2, tmp_path, callbacks=[LastCheckpoint(str(tmp_path), 2)])
    resumed = Rehearsal(experiment).module
    fit(resumed, 4, tmp_path, tmp_path / "last.ckpt")
    assert resumed.images_seen == whole.images_seen == 16
    start = Rehearsal(experiment).module.model
    for (name, ours), theirs, before in zip(
        resumed.model.named_parameters(), whole.model.parameters(), start.parameters(), strict=True
    ):  # sums on a GPU come in any order, and Adam divides by their size
        moved = (theirs.cpu() - before).norm()
        assert (ours - theirs).norm().cpu() <= 0.1 * moved, name


def test_a_loss_that_is_not_finite_ends_the_run_before_a_checkpoint(tmp_path, monkeypatch):
    module = Rehearsal("latent_control").module
    own = LatentL1.forward

    def broken(self, outputs):
        return own(self, outputs) * (float("nan") if module.images_seen == 8 else 1.0)

    monkeypatch.setattr(LatentL1, "forward", broken)
    with pytest.raises(NonFiniteLossError, match=r"'latent_l1' is nan.*at step 2.*non_finite_batch.pt"):
        fit(module, 6, tmp_path)
    assert module.images_seen == 12  # the step was taken, the next one was not
    module = Rehearsal("latent_control").module
    with pytest.raises(NonFiniteLossError):
        fit(module, 3, tmp_path).save_checkpoint(tmp_path / "no.ckpt")
    assert not (tmp_path / "no.ckpt").exists()


def test_activations_are_channels_last():
    module = Rehearsal("latent_control").module.to("cuda")
    layouts = {}

    def note(name):
        def hook(layer, inputs, output):
            if isinstance(output, torch.Tensor) and min(output.shape[1:]) > 1:
                layouts[name] = output.is_contiguous(memory_format=torch.channels_last)

        return hook

    for name, layer in module.model.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.out_channels > 1:
            layer.register_forward_hook(note(name))
    batch = NoiseData(64, 4).batch
    module.model(batch.image.cuda(), batch.mask.cuda())
    assert layouts and not [name for name, holds in layouts.items() if not holds]


def test_a_network_from_a_gpu_fills_the_same_on_the_cpu():
    module = training_module(configuration("latent_control", *SIZES)).eval()
    batch = NoiseData(64, 4).batch
    with torch.no_grad():
        ours = module.model(batch.image, batch.mask)
        theirs = module.to("cuda").model(batch.image.cuda(), batch.mask.cuda()).cpu()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_an_autoencoder_starts_from_pictures_where_it_is():
    pictures = [torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))]
    latents = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        autoencoder = Autoencoder(ResidualEncoder(), ResidualDecoder()).to(device)
        start_from_pictures(autoencoder, pictures)
        with torch.no_grad():
            latents.append(autoencoder(pictures[0].to(device)).cpu())
    torch.testing.assert_close(*latents, rtol=1e-3, atol=1e-3)
