import pytest
import torch
from torch import nn

from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, Unguided
from latent_inpaint.spaces import Backbone, DecoderFeatures, Latents, Pixels
from latent_inpaint.training.outputs import InpaintingOutputs


class Network(nn.Module):
    """Two maps: the picture itself and half of it, weighed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, image):
        return [image, self.weight * image[..., ::2, ::2]]


@pytest.fixture
def output():
    model = LatentInpainter(Encoder(2), FFCRefiner(16, n_blocks=1), Decoder(2), Unguided())
    model.decoder.eval().requires_grad_(False)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    return InpaintingOutputs(model, torch.rand(1, 3, 16, 16), mask)


def test_backbone_features_are_those_of_the_composite(output):
    space, known = Backbone(Network(), composite=True), 1 - output.mask
    fake, real = space.fake(output), space.real(output)
    assert torch.equal(fake[0] * known, output.image * known)
    assert torch.equal(fake[0] * output.mask, output.prediction * output.mask)
    assert torch.equal(real[0], output.image)
    assert torch.equal(fake[1], fake[0][..., ::2, ::2])


def test_the_network_of_backbone_features_is_frozen_and_not_saved(output):
    space = Backbone(Network(), composite=True)
    assert not list(space.parameters())
    assert not space.state_dict()
    space.fake(output)[1].sum().backward()
    assert all(p.grad is not None for p in output.model.refiner.parameters())


def test_decoder_features_are_the_decoders(output):
    fake, real = DecoderFeatures([0, 2]).fake(output), DecoderFeatures([0, 2]).real(output)
    ups = output.model.decoder.ups
    for maps, latent in ((fake, output.latent), (real, output.target_latent)):
        torch.testing.assert_close(maps[0], ups[0](latent))
        torch.testing.assert_close(maps[1], ups[2](ups[1](ups[0](latent))))
    assert all(map_.requires_grad for map_ in fake)
    assert not any(map_.requires_grad for map_ in real)


def test_the_decoder_runs_as_deep_as_the_deepest_block(output):
    output.model.decoder.ups[1].register_forward_hook(lambda *_: pytest.fail("the second block was run"))
    DecoderFeatures([0]).fake(output)


@pytest.mark.parametrize("blocks", [[], [1, 0], [-1], [0, 0]])
def test_refuses_blocks(blocks):
    with pytest.raises(ValueError, match="blocks must be ascending"):
        DecoderFeatures(blocks)


def test_refuses_a_block_that_does_not_exist(output):
    with pytest.raises(ValueError, match=r"blocks must be in 0\.\.2"):
        DecoderFeatures([3]).fake(output)


def test_refuses_a_decoder_that_trains(output):
    output.model.decoder.train()
    with pytest.raises(ValueError, match="decoder must be frozen"):
        DecoderFeatures([0]).fake(output)


def test_what_a_space_shows_is_computed_once_and_shared(output):
    calls = []
    output.model.decoder.ups[0].register_forward_hook(lambda *_: calls.append(1))
    first, deeper = DecoderFeatures([0]), DecoderFeatures([0, 1])
    for space in (first, DecoderFeatures([0]), deeper):
        output.fake(space), output.real(space)
    assert len(calls) == 2  # the fake latent and the real one
    assert output.fake(first)[0] is output.fake(deeper)[0]
    backbone = Backbone(Network())
    assert output.fake(backbone)[0] is output.fake(backbone)[0]
    assert not output.real(backbone)[0].requires_grad and output.fake(backbone)[0].requires_grad


def test_pixels_and_latents(output):
    assert output.fake(Pixels()) == (output.prediction,) and output.real(Pixels()) == (output.image,)
    assert output.fake(Pixels(composite=True)) == (output.composite,)
    assert output.fake(Latents()) == (output.latent,) and output.real(Latents()) == (output.target_latent,)
