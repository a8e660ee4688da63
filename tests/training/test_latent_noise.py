from argparse import Namespace

import pytest
import torch

from latent_inpaint.losses import PixelMSE
from latent_inpaint.models import Autoencoder, Decoder, Encoder
from latent_inpaint.training.autoencoder import AutoencoderTraining, with_noise


def generator():
    return torch.Generator().manual_seed(0)


def test_noise_follows_each_channels_deviation():
    scale = torch.tensor([0.1, 1.0, 10.0]).view(1, 3, 1, 1)
    latent = scale * torch.randn(400, 3, 16, 16, generator=generator())
    added = (with_noise(latent, 0.3, generator()) - latent) / scale
    levels = added.std(dim=(1, 2, 3))
    assert levels.max() < 0.33 and levels.min() < 0.02
    assert levels.mean() == pytest.approx(0.15, abs=0.02)  # uniform between 0 and 0.3
    torch.testing.assert_close(added.std(dim=(0, 2, 3)), torch.full((3,), 0.173), rtol=0.1, atol=0)  # 0.3/√3


def training(noise):
    model = Autoencoder(Encoder(2), Decoder(2))
    return AutoencoderTraining(model, {"mse": PixelMSE()}, torch.optim.Adam, latent_noise=noise)


def test_only_the_training_reconstruction_is_noisy(monkeypatch):
    module = training(0.3).eval()
    module.model.eval()
    batch = Namespace(image=torch.rand(2, 3, 16, 16))
    plain = module.model(batch.image)
    monkeypatch.setattr(module, "log_validation", lambda *_, **__: None)
    assert torch.equal(module.validation_step(batch, 0), plain)
    noisy = module.outputs(batch).prediction
    assert not torch.equal(noisy, plain)
    assert torch.equal(module.outputs(batch).prediction, noisy)  # as a resumed run would draw it
    module.images_seen = 2
    assert not torch.equal(module.outputs(batch).prediction, noisy)


def test_refuses_negative_noise():
    with pytest.raises(ValueError, match="latent_noise must be finite"):
        training(-0.1)
