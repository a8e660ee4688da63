"""Noise on the latents in stage 1 is as strong as it says, and there in training only."""

from argparse import Namespace

import pytest
import torch

from latent_inpaint.instantiate import instantiate
from latent_inpaint.losses import PixelMSE
from latent_inpaint.models import Autoencoder, Decoder, Encoder
from latent_inpaint.training.disturbances import LatentNoise
from latent_inpaint.training.modules import AutoencoderTraining

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained


def generator():
    return torch.Generator().manual_seed(0)


def test_noise_follows_each_channels_deviation():
    scale = torch.tensor([0.1, 1.0, 10.0]).view(1, 3, 1, 1)
    latent = scale * torch.randn(400, 3, 16, 16, generator=generator())
    added = (LatentNoise(0.3)(latent, generator()) - latent) / scale
    levels = added.std(dim=(1, 2, 3))
    assert levels.max() < 0.33 and levels.min() < 0.02
    assert levels.mean() == pytest.approx(0.15, abs=0.02)  # uniform between 0 and 0.3
    torch.testing.assert_close(added.std(dim=(0, 2, 3)), torch.full((3,), 0.173), rtol=0.1, atol=0)  # 0.3/√3


def test_only_the_training_reconstruction_is_disturbed(monkeypatch):
    torch.manual_seed(0)
    model = Autoencoder(Encoder(8), Decoder(8))
    module = AutoencoderTraining(model, {"mse": PixelMSE()}, torch.optim.Adam, disturbance=LatentNoise(0.3))
    module.eval()
    module.model.eval()
    batch = Namespace(image=torch.rand(2, 3, 32, 32), mask=torch.ones(2, 1, 32, 32))
    plain = module.model(batch.image)
    monkeypatch.setattr(module, "log_validation", lambda *_, **__: None)
    assert torch.equal(module.validation_step(batch, 0), plain)
    disturbed = module.outputs(batch).prediction
    assert not torch.equal(disturbed, plain)
    assert torch.equal(module.outputs(batch).prediction, disturbed)  # as a resumed run would draw it
    module.images_seen = 2
    assert not torch.equal(module.outputs(batch).prediction, disturbed)


def test_refuses_a_negative_share():
    with pytest.raises(ValueError, match="most must be finite"):
        LatentNoise(-0.1)


def test_it_is_an_autoencoder_to_choose(compose):
    cfg = compose("latent_control", "autoencoder=hardened_noise")
    assert isinstance(instantiate(cfg.autoencoder.training.disturbance), LatentNoise)
