import pytest
import torch

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.networks import load_copying, load_sampled
from latent_inpaint.evaluation.runner import predict
from latent_inpaint.models import (
    Decoder,
    Encoder,
    FFCRefiner,
    FlowRefiner,
    LatentInpainter,
    UNetDenoiser,
    Unguided,
    save_model,
)
from latent_inpaint.models.refiners.conditioning import condition_channels
from latent_inpaint.models.refiners.sampling import Euler, Override, RePaint


@pytest.fixture(params=["conditional", "unconditional"])
def saved(request, tmp_path):
    torch.manual_seed(0)
    encoder = Encoder(4, n_downsampling=2)
    channels = condition_channels(encoder.latent_channels, 4) if request.param == "conditional" else 0
    denoiser = UNetDenoiser(encoder.latent_channels, channels, widths=[8, 16])
    torch.nn.init.normal_(denoiser.decoder.leave.weight, std=0.1)  # zero at first: all samples would be equal
    refiner = FlowRefiner(denoiser, down_factor=4, dropped=0.0)
    model = LatentInpainter(encoder, refiner, Decoder(4, n_downsampling=2), Unguided())
    save_model(model, tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.parametrize(("sampler", "calls"), [(RePaint(2, 2), 6), (Override(), 4), (Euler(), 4)])
def test_a_network_is_sampled_in_another_way(saved, sampler, calls):
    method = load_sampled(saved, sampler, 4, device="cpu")
    assert method.card()["calls"] == calls and type(sampler).__name__ in method.card()["sampler"]
    asked = []
    method.model.refiner.denoiser.register_forward_hook(lambda *_: asked.append(1))
    generator = torch.Generator().manual_seed(0)
    batch = Batch(torch.rand(1, 3, 32, 32, generator=generator), torch.zeros(1, 1, 32, 32), ["a"])
    batch.mask[..., 8:24, 8:24] = 1
    one, failed = predict(method, batch, seed=3)
    assert not failed and len(asked) == calls
    assert torch.equal(predict(method, batch, seed=3)[0]["a"], one["a"])
    assert not torch.equal(predict(method, batch, seed=4)[0]["a"], one["a"])


def test_a_function_has_no_sampler(tmp_path):
    encoder = Encoder(4)
    model = LatentInpainter(encoder, FFCRefiner(encoder.latent_channels, 1), Decoder(4), Unguided())
    save_model(model, tmp_path / "model")
    with pytest.raises(ValueError, match="checkpoint: expected a flow or diffusion, model is a function"):
        load_sampled(str(tmp_path / "model"), Override(), 4)


def test_what_copies_already_is_not_copied_over():
    with pytest.raises(
        ValueError, match="checkpoint: expected a network alone, such as fast; quality copies"
    ):
        load_copying("quality", device="cpu")


def test_a_networks_texture_is_copied(saved):
    """`methods=copying`: what is known stays, the fill is as rough as it, which no blur is."""
    method = load_copying(saved, device="cpu")
    assert method.name == "model, copying" and method.card()["copying"]["depth"] == 48
    dots = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.5
    image = dots.float().expand(1, 3, -1, -1)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 24:40, 24:40] = 1
    filled = method.draw(image * (1 - mask), mask, torch.Generator().manual_seed(0))
    assert torch.equal(filled * (1 - mask), image * (1 - mask)) and filled[..., 24:40, 24:40].std() > 0.3
