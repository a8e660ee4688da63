import pytest
import torch
from torch import nn

from latent_inpaint.evaluation.ceiling import AutoencoderCeiling, ceilings
from latent_inpaint.evaluation.methods import GroundTruth
from latent_inpaint.evaluation.networks import Network


class Halves(nn.Module):
    """A latent network whose autoencoder keeps 4×4 means, times what it learned."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.encoder, self.decoder = nn.AvgPool2d(4), nn.Upsample(scale_factor=4)
        self.encoder.register_parameter("gain", nn.Parameter(torch.tensor(gain)))
        self.down_factor = 4

    def encode(self, image):
        assert not self.training
        return self.encoder(image) * self.encoder.gain

    def decode(self, latent):
        return self.decoder(latent)


def test_the_ceiling_is_the_truth_through_the_autoencoder_at_any_size():
    network = Network(Halves(), "mine", {"checkpoint": "somewhere"})
    ceiling = AutoencoderCeiling(network)
    image = torch.rand(2, 3, 18, 24)
    mask = torch.zeros(2, 1, 18, 24)
    picture = ceiling(image, mask)
    assert picture.shape == image.shape
    expected = nn.functional.avg_pool2d(image[..., :16, :], 4)
    torch.testing.assert_close(picture[..., 0:16:4, ::4], expected)
    assert torch.equal(picture, ceiling(image, 1 - mask))  # it sees the hole
    assert network.model.training
    card = {"sees_truth": True, "autoencoder_of": "mine", "checkpoint": "somewhere"}
    assert ceiling.card() == card
    with pytest.raises(ValueError, match="mask"):
        ceiling(image, mask[..., :-1])


def test_every_different_autoencoder_has_one_row():
    blind = Network(nn.Identity(), "no latent")
    networks = [Network(Halves(), "a"), Network(Halves(), "b"), Network(Halves(0.5), "c")]
    found = ceilings([GroundTruth(), blind, *networks])
    assert [(row.name, row.network.name) for row in found] == [("autoencoder", "a"), ("autoencoder-2", "c")]
    assert ceilings([GroundTruth(), blind]) == []
