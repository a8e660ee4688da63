from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from latent_inpaint.importers.lama_discriminator import load_discriminator
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.parts import build, describe

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lama_adversarial.safetensors"


@pytest.fixture(scope="module")
def reference():
    return load_file(FIXTURE)


@pytest.fixture(scope="module")
def weights(reference):
    return {
        key.removeprefix("weights."): tensor
        for key, tensor in reference.items()
        if key.startswith("weights.")
    }


def test_logits_equal_lama(reference, weights):
    discriminator = load_discriminator(weights)
    for kind in ("real", "fake"):
        logits, features = discriminator(reference[kind])
        torch.testing.assert_close(logits, reference[f"{kind}_logits"], rtol=0, atol=1e-5)
        assert [f.shape[1] for f in features] == [8, 16, 32, 64]


def test_whole_checkpoint_gives_the_same_discriminator(weights):
    checkpoint = {f"discriminator.{key}": tensor for key, tensor in weights.items()}
    checkpoint["generator.model.1.ffc.convl2l.weight"] = torch.zeros(4, 4, 7, 7)
    loaded = load_discriminator(checkpoint)
    assert loaded.state_dict().keys() == load_discriminator(weights).state_dict().keys()
    torch.testing.assert_close(loaded.layers[2][0].weight, weights["model2.0.weight"])


def test_foreign_weights_are_refused(weights):
    with pytest.raises(ValueError, match="state_dict: expected keys"):
        load_discriminator({"generator.model.0.weight": torch.zeros(1)})
    incomplete = {key: tensor for key, tensor in weights.items() if key != "model2.1.bias"}
    with pytest.raises(ValueError, match=r"missing layers\.2\.1\.bias"):
        load_discriminator(incomplete)


def test_first_and_last_layer_have_no_norm_and_the_width_is_capped():
    discriminator = PatchDiscriminator(3, width=16, n_layers=4, max_width=64)
    kinds = [[type(module).__name__ for module in layer] for layer in discriminator.layers]
    assert kinds[0] == ["Conv2d", "LeakyReLU"]
    assert kinds[1:-1] == [["Conv2d", "BatchNorm2d", "LeakyReLU"]] * 4
    assert kinds[-1] == ["Conv2d"]
    assert [layer[0].out_channels for layer in discriminator.layers] == [16, 32, 64, 64, 64, 1]


@pytest.mark.parametrize("size", [16, 32])
def test_small_variant_keeps_most_of_a_latents_resolution(size):
    discriminator = PatchDiscriminator(64, width=8, n_layers=3, kernel_size=3, n_strided=1)
    logits, features = discriminator(torch.randn(2, 64, size, size))
    assert logits.shape == (2, 1, size // 2, size // 2)
    assert len(features) == 4


def test_description_rebuilds_it():
    discriminator = PatchDiscriminator(5, width=4, n_layers=2, kernel_size=3, n_strided=0)
    assert str(build(describe(discriminator))) == str(discriminator)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"width": 0}, "width must be at least 1"),
        ({"n_layers": 0}, "n_layers must be at least 1"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"n_layers": 2, "n_strided": 3}, r"n_strided must be in \[0, n_layers\] = \[0, 2\], got 3"),
        ({"width": 64, "max_width": 32}, "max_width must be at least width = 64"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchDiscriminator(**arguments)


def test_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match=r"image must have the shape \[B, 3, H, W\], got \[1, 4, 16, 16\]"):
        PatchDiscriminator(3, width=4, n_layers=1)(torch.zeros(1, 4, 16, 16))
