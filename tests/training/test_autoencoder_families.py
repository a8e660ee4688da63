"""Stage 1 of the autoencoders that start from pictures, and stage 2 on them."""

import json
import os
import signal

import pytest
import torch

from latent_inpaint.evaluation.after_training import train_and_evaluate
from latent_inpaint.models import Autoencoder, load_model
from latent_inpaint.models.autoencoders.block_transform import start_from_pictures
from latent_inpaint.training.fitting import Interrupted
from latent_inpaint.training.modules import AutoencoderTraining
from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

FAMILIES = ["residual", "residual_noise", "block_transform"]
SMALL = ["data.size=64", "autoencoder.latent_channels=6", "trainer.max_steps=1"]


@pytest.mark.parametrize("family", FAMILIES)
def test_latents_of_any_family_can_be_inpainted(compose, family):
    run = train_and_evaluate(compose("latent_control", f"autoencoder={family}", *SMALL))
    model = load_model(run / "model")
    assert model.encoder.latent_channels == 6 and model.guide.zero_convs[0].weight.shape[0] == 3
    rows = json.loads((run / "metrics.json").read_text())["rows"]
    assert [row["method"] for row in rows] == ["latent_control", "mean", "autoencoder"]
    psnr = {row["method"]: row["metrics"]["psnr"] for row in rows}
    assert psnr["autoencoder"] > psnr["mean"]


def test_block_transform_is_measured_and_its_step_changes_nothing(compose):
    cfg = compose("autoencoder", "autoencoder=block_transform", "data.size=64")
    model = load_model(train(cfg) / "model")
    untouched = Autoencoder(*(type(half)(8, 16) for half in (model.encoder, model.decoder)))
    assert not torch.equal(model.encoder.transform.weight, untouched.encoder.transform.weight)
    image = torch.rand(2, 3, 64, 64)
    latent = model.encoder(image)
    again = model.encoder(model.decoder.ups[0](latent))  # a projection: coefficients come back
    torch.testing.assert_close(again, latent, atol=1e-4, rtol=1e-4)
    start_from_pictures(untouched, [image])
    assert not torch.equal(model.encoder.transform.weight, untouched.encoder.transform.weight)


def test_a_residual_run_goes_on_after_ctrl_c_and_keeps_its_basis(compose, monkeypatch):
    def settings(name):
        return ["autoencoder=residual", "data.size=64", "autoencoder.max_steps=4", f"run_name={name}"]

    whole = train(compose("autoencoder", *settings("whole")))
    step = AutoencoderTraining.training_step

    def interrupted(self, batch, batch_idx):
        if self.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(AutoencoderTraining, "training_step", interrupted)
        train(compose("autoencoder", *settings("half")))
    half = whole.parent / "half"
    train(compose("autoencoder", *settings("half"), f"resume={half / 'checkpoints' / 'last.ckpt'}"))
    ours, expected = (load_model(run / "model").state_dict() for run in (half, whole))
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


def test_stage_1_takes_every_loss_that_looks_at_pixels(compose):
    """L1 and perceptual beside the squared error; each is logged."""
    terms = ["+losses@autoencoder.training.losses=[pixel_l1,perceptual_lite0]"]
    run = train(compose("autoencoder", "autoencoder=residual", *terms, "trainer.log_every_n_steps=1"))
    header, *_ = (run / "metrics.csv").read_text().splitlines()
    assert {"train/mse", "train/pixel_l1", "train/perceptual"} <= set(header.split(","))
