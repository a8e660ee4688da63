"""What every denoiser keeps to: any size, one interface, rebuilt from its description."""

import pytest
import torch

from latent_inpaint.models.denoisers.dit import DiTDenoiser, MMDiTDenoiser
from latent_inpaint.models.denoisers.ffc import FFCDenoiser
from latent_inpaint.models.denoisers.unet import UNetDenoiser
from latent_inpaint.models.storage import load_model, save_model


def diffusers_unet(channels, condition_channels):
    pytest.importorskip("diffusers")
    from latent_inpaint.models.denoisers.diffusers import DiffusersUNet

    return DiffusersUNet(channels, condition_channels, widths=(8, 16), groups=4, head_width=8)


MAKERS = {
    "unet": lambda c, k: UNetDenoiser(c, k, widths=(8, 16), heads=2, embedding=16),
    "unet of three levels": lambda c, k: UNetDenoiser(c, k, widths=(4, 8, 8), kernel=3, heads=0, embedding=8),
    "dit": lambda c, k: DiTDenoiser(c, k, width=16, n_blocks=2, heads=2),
    "dit of single positions": lambda c, k: DiTDenoiser(c, k, width=16, n_blocks=1, heads=2, patch=1),
    "mm-dit": lambda c, k: MMDiTDenoiser(c, k, width=16, n_blocks=2, heads=2),
    "ffc": lambda c, k: FFCDenoiser(c, k, width=8, n_blocks=2, embedding=16),
    "diffusers": diffusers_unet,
}
everyone = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def inputs(batch=2, channels=5, condition_channels=3, size=(6, 8)):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(batch, channels, *size, generator=generator)
    return z, torch.rand(batch, generator=generator), torch.randn(batch, condition_channels, *size)


def awake(network):
    """With weights that are nowhere 0, so that everything has an effect."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network


@everyone
@pytest.mark.parametrize("size", [(16, 16), (5, 7), (2, 3), (1, 9)])
def test_any_size(make, size):
    if make is MAKERS["ffc"] and min(size) < 2:
        pytest.skip("reflect padding needs two positions")
    z, t, condition = inputs(size=size)
    assert awake(make(5, 3))(z, t, condition).shape == z.shape


@everyone
def test_latent_time_and_condition_matter_and_other_pictures_do_not(make):
    network, (z, t, condition) = awake(make(5, 3)), inputs()
    network.train()  # no norm may mix the noise levels of a batch
    out = network(z, t, condition)
    torch.testing.assert_close(network(z[:1], t[:1], condition[:1]), out[:1], atol=1e-5, rtol=1e-4)
    for other in ((z + 1, t, condition), (z, t / 2, condition), (z, t, condition + 1)):
        assert (network(*other) - out).abs().max() > 1e-3


@everyone
def test_saved_and_rebuilt_networks_are_equal(make, tmp_path):
    network, (z, t, condition) = awake(make(5, 3)).eval(), inputs()
    again = load_model(save_model(network, tmp_path))
    assert torch.equal(again(z, t, condition), network(z, t, condition))


@everyone
def test_everything_learns(make):
    """After two steps: what is 0 at first holds back the gradient of what comes before it."""
    network, (z, t, condition) = make(5, 3), inputs()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        (network(z, t, condition) - z - condition.mean()).square().mean().backward()
        optimizer.step()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # keys' biases shift all scores alike; the condition's stream ends before its last feed-forward
    last = "blocks.1.streams.1."
    expected = {name for name, _ in network.named_parameters() if name.startswith(last)} | {
        name for name, _ in network.named_parameters() if name.endswith("to_k.bias")
    }
    assert set(silent) <= expected


@pytest.mark.parametrize("name, count", [("unet", 3), ("dit", 2), ("mm-dit", 2), ("ffc", 2)])
def test_features_are_what_the_output_is_made_of(name, count):
    network, (z, t, condition) = awake(MAKERS[name](5, 3)), inputs()
    features = network.features(z, t, condition)
    assert len(features) == count and all(len(feature) == 2 for feature in features)
    other = network.features(z + 1, t, condition)
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(features, other))
    with pytest.raises(ValueError, match="condition must have"):
        network.features(z, t)


@pytest.mark.parametrize("name", ["unet", "dit", "ffc"])
def test_our_networks_start_with_nothing(name):
    assert (MAKERS[name](5, 3)(*inputs()) == 0).all()


@pytest.mark.parametrize("name", ["unet", "dit", "ffc", "diffusers"])
def test_unconditional(name):
    z, t, condition = inputs()
    network = MAKERS[name](5, 0)
    assert network(z, t).shape == z.shape
    with pytest.raises(ValueError, match="condition must have the shape None"):
        network(z, t, condition)


@everyone
def test_bad_shapes(make):
    network, (z, t, condition) = make(5, 3), inputs()
    with pytest.raises(ValueError, match=r"z must have the shape \[B, 5, h, w\], got \[2, 4, 6, 8\]"):
        network(z[:, :4], t, condition)
    with pytest.raises(ValueError, match=r"t must have the shape \[2\], got \[1\]"):
        network(z, t[:1], condition)
    with pytest.raises(ValueError, match=r"condition must have the shape \[2, 3, 6, 8\], got None"):
        network(z, t)
    with pytest.raises(ValueError, match=r"condition must have the shape \[2, 3, 6, 8\], got \[2, 2, 6, 8\]"):
        network(z, t, condition[:, :2])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: UNetDenoiser(0), "channels must be at least 1, got 0"),
        (lambda: UNetDenoiser(4, -1), "condition_channels must be at least 0, got -1"),
        (lambda: UNetDenoiser(4, widths=()), "widths must be positive numbers"),
        (lambda: UNetDenoiser(4, kernel=2), "kernel must be odd"),
        (lambda: UNetDenoiser(4, heads=5), "heads must divide the width 96"),
        (lambda: DiTDenoiser(4, width=30), "width must be a positive multiple of 4"),
        (lambda: DiTDenoiser(4, n_blocks=0), "n_blocks must be at least 1"),
        (lambda: MMDiTDenoiser(4, 0), "condition_channels must be at least 1"),
        (lambda: FFCDenoiser(4, n_blocks=0), "n_blocks must be at least 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
