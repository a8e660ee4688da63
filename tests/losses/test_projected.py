import pytest
import torch
from torch import nn

from latent_inpaint.losses import CompositeSpace, ProjectedDiscriminator, feature_matching_loss
from latent_inpaint.losses.projected import UnitSpectralNorm, unit_channels
from latent_inpaint.metrics.lite0 import Lite0Features, lite0_perceptual_distance
from latent_inpaint.models import Decoder, Encoder, FFCRefiner, InpaintingOutput, LatentInpainter

CHANNELS = [16, 24, 40, 112, 320]


@pytest.fixture(scope="module")
def discriminator():
    return ProjectedDiscriminator(Lite0Features(), CHANNELS, width=8)


def test_feature_matching_is_the_perceptual_distance(discriminator):
    one, other = torch.rand(2, 2, 3, 64, 96)
    with torch.no_grad():
        ours = feature_matching_loss(discriminator(one)[1], discriminator(other)[1])
        network = Lite0Features()
        expected = lite0_perceptual_distance(network(one), network(other)).mean()
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_one_logit_a_map_at_the_finest_size(discriminator):
    logits, features = discriminator(torch.rand(2, 3, 64, 96))
    assert list(logits.shape) == [2, len(CHANNELS), 32, 48]
    assert [map_.shape[1] for map_ in features] == CHANNELS
    assert all(
        torch.allclose(map_.square().mean(1), torch.ones(()), atol=1e-4) or map_.eq(0).all(1).any()
        for map_ in features
    )


def test_the_heads_train_and_the_network_does_not(discriminator):
    names = {name.split(".")[0] for name, _ in discriminator.named_parameters()}
    assert names == {"heads"} == {name.split(".")[0] for name in discriminator.state_dict()}
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    discriminator(image)[0].sum().backward()
    assert image.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_heads_learn_where_the_hole_was_filled(discriminator):
    """Some steps on noise in a hole: its logits fall below those of the picture."""
    torch.manual_seed(0)
    heads = ProjectedDiscriminator(Lite0Features((2,)), [24], width=16)
    optimizer = torch.optim.Adam(heads.parameters(), 1e-2)
    picture = torch.rand(1, 3, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3)
    fake = picture.clone()
    fake[..., 16:48, 16:48] = torch.rand(1, 3, 32, 32)
    for _ in range(30):
        logits = heads(fake)[0]
        hole = logits[..., 5:11, 5:11].mean()
        known = logits.mean()
        optimizer.zero_grad()
        (hole - known).backward()
        optimizer.step()
    assert hole < known - 0.5


@pytest.mark.parametrize("channels", [[], [16, 0]])
def test_refuses_channels(channels):
    with pytest.raises(ValueError, match="channels and width"):
        ProjectedDiscriminator(nn.Identity(), channels)


def test_refuses_another_number_of_maps():
    with pytest.raises(ValueError, match="the network has 5 maps, got 1"):
        ProjectedDiscriminator(Lite0Features(), [16])(torch.rand(1, 3, 32, 32))


def test_unit_channels_of_nothing_is_nothing():
    assert unit_channels(torch.zeros(1, 4, 2, 2)).eq(0).all()


def test_composite_space_shows_the_known_pixels():
    model = LatentInpainter(Encoder(2), FFCRefiner(16, n_blocks=1), Decoder(2))
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    output, space = InpaintingOutput(model, torch.rand(1, 3, 16, 16), mask), CompositeSpace()
    known = 1 - mask
    assert torch.equal(space.fake(output) * known, output.image * known)
    assert torch.equal(space.fake(output) * mask, output.prediction * mask)
    assert torch.equal(space.real(output), output.image)


def test_the_largest_singular_value_becomes_one():
    weight = torch.randn(8, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    norm = UnitSpectralNorm()
    torch.testing.assert_close(torch.linalg.matrix_norm(norm(weight).flatten(1), 2), weight.new_ones(()))
    assert torch.autograd.gradcheck(norm, (weight,))
