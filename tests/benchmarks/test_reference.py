"""The straightforward formulation computes what ours does: values, gradients, statistics."""

import copy

import pytest
import torch

from benchmarks.reference import PlainFFC, PlainRefiner, plain_generator
from latent_inpaint.models import FFC, Decoder, Encoder, FFCRefiner, LatentInpainter, MaskAsAlpha


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(8, 8), (6, 9), (5, 2)])
def test_values_and_gradients(shape, memory_format):
    torch.manual_seed(0)
    refiner = FFCRefiner(16, n_blocks=2).to(memory_format=memory_format)
    plain = PlainRefiner(refiner.blocks.to(memory_format=memory_format))
    x = torch.randn(3, 16, *shape).contiguous(memory_format=memory_format)
    weight = torch.randn(3, 16, *shape)
    results = []
    for network in (refiner, plain):
        latent = x.clone().requires_grad_()
        value = network(latent)
        (value * weight).sum().backward()
        results.append((value.detach(), latent.grad))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_gradients_of_the_weights():
    torch.manual_seed(0)
    ffc = FFC(16)
    plain = PlainFFC(copy.deepcopy(ffc))
    x = torch.randn(2, 16, 6, 7)
    ffc(x).square().sum().backward()
    torch.cat(plain((x[:, :4], x[:, 4:])), dim=1).square().sum().backward()
    to_local = [plain.local_to_local.weight.grad, plain.global_to_local.weight.grad]
    norms = [plain.local_norm.weight.grad, plain.global_norm.weight.grad]
    spectral = ffc.global_to_global
    pairs = [
        (ffc.to_local.weight.grad, torch.cat(to_local, dim=1)),
        (ffc.local_to_global.weight.grad, plain.local_to_global.weight.grad),
        (spectral.reduce.weight.grad, plain.reduce.weight.grad),
        (spectral.fourier.conv.weight.grad, plain.fourier.conv.weight.grad),
        (spectral.fourier.norm.bias.grad, plain.fourier.norm.bias.grad),
        (ffc.norm.weight.grad, torch.cat(norms)),
        (ffc.norm.running_var[4:], plain.global_norm.running_var),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_whole_generator():
    torch.manual_seed(0)
    model = LatentInpainter(Encoder(2, in_channels=4), FFCRefiner(16, 1), Decoder(2), MaskAsAlpha()).train()
    plain = plain_generator(model)
    image, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[:, :, 8:20, 8:20] = 1
    torch.testing.assert_close(model(image, mask), plain(image, mask), atol=1e-4, rtol=1e-4)
