"""Flows in other programs' files: all steps of the sampler, or one call of its network."""

import pytest
import torch

from latent_inpaint.inference.export import export_model, open_exported
from latent_inpaint.models import Decoder, Encoder, LatentInpainter
from latent_inpaint.models.denoisers import UNetDenoiser
from latent_inpaint.models.guides.base import Unguided
from latent_inpaint.models.inpainter import composite
from latent_inpaint.models.refiners import FlowRefiner, condition_channels
from latent_inpaint.models.refiners.sampling import DDIM, Guidance, Heun, Override

SIZES = ((40, 56), (64, 40))


def flow(**settings):
    torch.manual_seed(0)
    encoder = Encoder(ngf=2, n_downsampling=3)
    channels = encoder.latent_channels
    denoiser = UNetDenoiser(channels, condition_channels(channels), widths=(8,), heads=0, embedding=8)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    decoder = Decoder(2, 3)
    for parameter in decoder.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.2)  # so that noise is to be seen
    settings = {"steps": 2, "clean_known": True} | settings
    return LatentInpainter(encoder, FlowRefiner(denoiser, **settings), decoder, Unguided()).eval()


def given(height, width, seed=1):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(1, 1, height, width)
    mask[..., width // 2 :] = 1
    noise = torch.randn(1, 16, height // 8, width // 8, generator=generator)
    return torch.full((1, 3, height, width), 0.4), mask, noise


def check(network, path):
    assert export_model(network, path, SIZES) < 1e-4
    program = open_exported(path)
    image, mask, noise = given(48, 72)
    found = program(image, mask, noise)
    condition = network.condition(network.encode_masked(image, mask), mask)
    expected = composite(image, mask, network.decode(network.refiner.solve(condition, noise)))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert (program(image, mask, given(48, 72, seed=2)[2]) - found).abs().max() > 1e-3
    assert torch.equal(found[..., :36], image[..., :36])
    return program


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".ts", pytest.param(".pt2", marks=pytest.mark.slow)])
def test_the_whole_sampler_is_in_the_file(tmp_path, ending):
    check(flow(), tmp_path / f"flow{ending}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sampler", [Heun(), Override()])
def test_the_whole_sampler_as_onnx(tmp_path, sampler):
    program = check(flow(sampler=sampler), tmp_path / "flow.onnx")
    with pytest.raises(ValueError, match=r"flow.onnx: it also takes noise"):
        program(*given(48, 72)[:2])


@pytest.mark.filterwarnings("ignore")
def test_one_call_of_the_network(tmp_path):
    network, path = flow(), tmp_path / "step.onnx"
    assert export_model(network, path, SIZES, step=True) < 1e-4
    z, t = torch.randn(3, 16, 6, 7), torch.rand(3)
    channels = torch.randn(3, condition_channels(16), 6, 7)
    expected = network.refiner.denoiser(z, t, channels)
    torch.testing.assert_close(open_exported(path)(z, t, channels), expected, rtol=0, atol=1e-4)


def test_what_cannot_be_exported(tmp_path, network):
    with pytest.raises(ValueError, match="step: LatentInpainter is no flow"):
        export_model(network, tmp_path / "m.ts", step=True)
    with pytest.raises(ValueError, match="flows and diffusions without guidance can be"):
        export_model(flow(dropped=0.1, guidance=Guidance(2.0)), tmp_path / "m.ts")
    with pytest.raises(ValueError, match="draws while it samples"):
        export_model(flow(sampler=DDIM(eta=1.0)), tmp_path / "m.ts")
    assert not list(tmp_path.iterdir())
