"""What disturbs the latents in stage 1 does so by as much as it says, and in training only."""

from argparse import Namespace

import pytest
import torch
from hydra.utils import instantiate

from latent_inpaint.losses import PixelMSE
from latent_inpaint.models import Autoencoder, Decoder, Encoder
from latent_inpaint.training.autoencoder import AutoencoderTraining
from latent_inpaint.training.disturbances import LatentDropout, LatentMixture, LatentNoise

ALL = [LatentNoise(0.3), LatentMixture(0.3), LatentDropout(0.1)]


def generator():
    return torch.Generator().manual_seed(0)


def no_hole(latent):
    return torch.zeros(len(latent), 1, 8 * latent.shape[-2], 8 * latent.shape[-1])


def test_noise_follows_each_channels_deviation():
    scale = torch.tensor([0.1, 1.0, 10.0]).view(1, 3, 1, 1)
    latent = scale * torch.randn(400, 3, 16, 16, generator=generator())
    added = (LatentNoise(0.3)(latent, no_hole(latent), generator()) - latent) / scale
    levels = added.std(dim=(1, 2, 3))
    assert levels.max() < 0.33 and levels.min() < 0.02
    assert levels.mean() == pytest.approx(0.15, abs=0.02)  # uniform between 0 and 0.3
    torch.testing.assert_close(added.std(dim=(0, 2, 3)), torch.full((3,), 0.173), rtol=0.1, atol=0)  # 0.3/√3


def test_mixture_is_with_the_other_pictures_where_the_hole_is_seen():
    latent = torch.arange(200.0).view(200, 1, 1, 1).expand(200, 2, 4, 4)
    mask = no_hole(latent)
    mask[:, :, :8, :8] = 1  # latent (1, 1) is centred at pixel (8, 8) and sees 10 pixels each way
    mixed = LatentMixture(0.3)(latent, mask, generator())
    shares = (mixed[1:, 0, 0, 0] - latent[1:, 0, 0, 0]) / -1  # the other picture is the one before
    assert shares.min() >= 0 and shares.max() <= 0.3
    assert shares.mean() == pytest.approx(0.15, abs=0.02)
    assert torch.equal(mixed[:, :, 0, 0], mixed[:, :, 1, 1])
    assert torch.equal(mixed[:, :, 3], latent[:, :, 3])
    assert torch.equal(LatentMixture(0.3)(latent, no_hole(latent), generator()), latent)


def test_dropout_keeps_the_mean():
    latent = torch.ones(400, 4, 16, 16)
    dropped = LatentDropout(0.5)(latent, no_hole(latent), generator())
    shares = (dropped == 0).float().mean(dim=(1, 2, 3))
    assert shares.max() < 0.55 and shares.min() < 0.02
    assert shares.mean() == pytest.approx(0.25, abs=0.02)  # uniform between 0 and 0.5
    torch.testing.assert_close(dropped.mean(dim=(1, 2, 3)), torch.ones(400), rtol=0, atol=0.15)


def training(disturbance):
    torch.manual_seed(0)
    model = Autoencoder(Encoder(8), Decoder(8))
    return AutoencoderTraining(model, {"mse": PixelMSE()}, torch.optim.Adam, disturbance=disturbance)


@pytest.mark.parametrize("disturbance", ALL, ids=lambda d: type(d).__name__)
def test_only_the_training_reconstruction_is_disturbed(disturbance, monkeypatch):
    module = training(disturbance).eval()
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


@pytest.mark.parametrize(
    ("disturbance", "most", "message"),
    [
        (LatentNoise, -0.1, "most must be finite"),
        (LatentMixture, 1.1, "most must be in"),
        (LatentDropout, float("nan"), "most must be in"),
        (LatentDropout, 1.0, "most must be below 1"),
    ],
)
def test_refuses_shares_that_are_none(disturbance, most, message):
    with pytest.raises(ValueError, match=message):
        disturbance(most)


@pytest.mark.parametrize(
    ("name", "kind"), [("noise", LatentNoise), ("mixture", LatentMixture), ("dropout", LatentDropout)]
)
def test_each_is_an_autoencoder_to_choose(compose, name, kind):
    cfg = compose("latent_control", f"autoencoder=hardened_{name}")
    assert isinstance(instantiate(cfg.autoencoder.training.disturbance), kind)
