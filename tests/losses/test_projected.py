import pytest
import torch

from latent_inpaint.losses import feature_matching_loss
from latent_inpaint.metrics.perceptual import lite0_perceptual_distance
from latent_inpaint.models import ProjectedDiscriminator
from latent_inpaint.models.backbones import Lite0Features
from latent_inpaint.models.discriminators.projected import unit_channels

CHANNELS = [16, 24, 40, 112, 320]


@pytest.fixture(scope="module")
def network():
    return Lite0Features()


@pytest.fixture(scope="module")
def discriminator():
    return ProjectedDiscriminator(CHANNELS, width=8)


def test_feature_matching_is_the_perceptual_distance(network, discriminator):
    with torch.no_grad():
        one, other = (network(image) for image in torch.rand(2, 2, 3, 64, 96))
        ours = feature_matching_loss(discriminator(*one)[1], discriminator(*other)[1])
        expected = lite0_perceptual_distance(one, other).mean()
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_one_logit_a_map_at_the_finest_size(network, discriminator):
    logits, features = discriminator(*network(torch.rand(2, 3, 64, 96)))
    assert list(logits.shape) == [2, len(CHANNELS), 32, 48]
    assert [map_.shape[1] for map_ in features] == CHANNELS
    assert all(
        torch.allclose(map_.square().mean(1), torch.ones(()), atol=1e-4) or map_.eq(0).all(1).any()
        for map_ in features
    )


def test_the_finest_map_may_be_the_last():
    maps = torch.rand(1, 4, 3, 4), torch.rand(1, 2, 6, 8)
    assert list(ProjectedDiscriminator([4, 2], width=2)(*maps)[0].shape) == [1, 2, 6, 8]


def test_gradients_reach_the_maps_and_the_heads(discriminator):
    maps = [torch.rand(1, count, 4, 4, requires_grad=True) for count in CHANNELS]
    discriminator(*maps)[0].sum().backward()
    assert all(map_.grad.abs().sum() > 0 for map_ in maps)
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_heads_learn_where_the_hole_was_filled():
    """Some steps on noise in a hole: its logits fall below those of the picture."""
    torch.manual_seed(0)
    network, heads = Lite0Features((2,)), ProjectedDiscriminator([24], width=16)
    optimizer = torch.optim.Adam(heads.parameters(), 1e-2)
    picture = torch.rand(1, 3, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3)
    fake = picture.clone()
    fake[..., 16:48, 16:48] = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        maps = network(fake)
    for _ in range(30):
        logits = heads(*maps)[0]
        hole = logits[..., 5:11, 5:11].mean()
        known = logits.mean()
        optimizer.zero_grad()
        (hole - known).backward()
        optimizer.step()
    assert hole < known - 0.5


@pytest.mark.parametrize("channels", [[], [16, 0]])
def test_refuses_channels(channels):
    with pytest.raises(ValueError, match="channels and width"):
        ProjectedDiscriminator(channels)


@pytest.mark.parametrize("channels", [[4], [4, 3], [4, 2, 1]])
def test_refuses_other_maps(channels):
    maps = torch.rand(1, 4, 3, 4), torch.rand(1, 2, 6, 8)
    with pytest.raises(ValueError, match=r"channels: the network's maps have \[4, 2\], got \[4"):
        ProjectedDiscriminator(channels)(*maps)


def test_unit_channels_of_nothing_is_nothing():
    assert unit_channels(torch.zeros(1, 4, 2, 2)).eq(0).all()
