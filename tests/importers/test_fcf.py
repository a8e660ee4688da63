"""FcF equals the public code on stored tensors; its files are read and run nothing."""

import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import latent_inpaint
from latent_inpaint.importers.fcf import load_discriminator, load_generator
from latent_inpaint.models.discriminators.stylegan import discriminator_input
from latent_inpaint.models.generators.fcf import encoder_input
from latent_inpaint.models.storage import load_model, save_model
from latent_inpaint.models.style_layers import binomial, doubled, with_deviation

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def stored():
    return load_file(FIXTURES / "fcf_tiny.safetensors")


@pytest.fixture(scope="module")
def generator(stored):
    return load_generator(stored)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("psi", [1.0, 0.1])
@torch.no_grad()
def test_every_stored_tensor_of_the_generator_is_met(generator, stored, psi):
    """The original draws the first layer's noise even where noise is to be constant, and did not record it.

    It was recovered: 32 numbers from 24,576, by least squares, to 1e-10 of the output's square.
    """
    drawn = load_file(FIXTURES / "fcf_first_noise.safetensors")[f"psi_{psi}"]
    features, whole = generator.encoder(encoder_input(stored["image"], stored["mask"]))
    close(whole, stored["x_global"])
    close(generator.styles(stored["z"], 1.0), stored["ws"])
    styles = generator.styles(stored["z"], psi)
    picture = generator.synthesis(features, whole, styles, lambda side: drawn if side == 4 else None)
    close(picture, stored[f"output_psi_{psi}"])


@torch.no_grad()
def test_so_is_the_discriminators(stored):
    discriminator = load_discriminator({k: v for k, v in stored.items() if k.startswith("discriminator.")})
    logits, features = discriminator(discriminator_input(stored["image"], stored["mask"]))
    close(logits[:, :, 0, 0], stored["logits"])
    assert [f.shape[-1] for f in features] == [32, 16, 8, 4]


@torch.no_grad()
def test_it_is_an_inpainter_that_draws(generator, stored):
    image, mask = stored["image"], stored["mask"]
    one = [torch.Generator().manual_seed(i) for i in range(2)]
    both = generator(image, mask, one)
    alone = generator(image[1:], mask[1:], torch.Generator().manual_seed(1))
    assert torch.equal(both[1:], alone) and both.min() >= 0 and both.max() <= 1
    assert not torch.equal(generator(image, mask, torch.Generator().manual_seed(3)), both)
    large = generator(image.repeat_interleave(2, 2), mask.repeat_interleave(2, 2), one)
    assert large.shape == (2, 3, 128, 64)


def test_it_is_saved_and_loads_again(generator, stored, tmp_path):
    loaded = load_model(save_model(generator, tmp_path / "model"))
    image, mask = stored["image"][:1], stored["mask"][:1]
    seeded = [torch.Generator().manual_seed(0) for _ in range(2)]
    with torch.no_grad():
        assert torch.equal(loaded(image, mask, seeded[0]), generator(image, mask, seeded[1]))


def test_a_state_as_it_is_redistributed_loads(generator, stored, tmp_path):
    own = {k.removeprefix("generator."): v for k, v in stored.items() if k.startswith("generator.")}
    torch.save(own, tmp_path / "places_512_G.pth")
    pipeline = latent_inpaint.load(tmp_path / "places_512_G.pth", device="cpu")
    assert pipeline.multiple
    for name, value in generator.state_dict().items():
        assert torch.equal(pipeline.model.state_dict()[name], value), name


def test_other_states_are_refused_in_one_line(stored):
    with pytest.raises(ValueError, match=r"holds no generator of FcF"):
        load_generator({"a": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"holds no discriminator of FcF"):
        load_discriminator({"a": torch.zeros(1)})
    wide = dict(stored) | {"generator.encoder.b16.conv1.weight": torch.zeros(48, 32, 3, 3)}
    with pytest.raises(ValueError, match=r"encoder\.down\.2\.weight"):
        load_generator(wide)
    deeper = dict(stored) | {"generator.mapping.fc2.weight": torch.zeros(32, 32)}
    with pytest.raises(ValueError, match=r"FcF's networks have no mapping\.fc2\.weight"):
        load_generator(deeper)
    for name in ("mapping.fc0.weight", "encoder.b4.fc.weight"):
        with pytest.raises(ValueError, match=name):
            load_generator({k: v for k, v in stored.items() if k != f"generator.{name}"})
    assert load_generator({**stored, 3: "no name"}).size == 64
    with pytest.raises(ValueError, match=r"blocks\.2\.down\.weight has the shape \[48"):
        load_discriminator(dict(stored) | {"discriminator.b16.conv1.weight": torch.zeros(48, 32, 3, 3)})
    short = {k: v for k, v in stored.items() if "encoder.b8." not in k}
    with pytest.raises(ValueError, match=r"encoder\.b8\.conv0\.weight"):
        load_generator(short)


def as_published(stored, monkeypatch, extra=None):
    """A pickle as StyleGAN2-ADA's persistence makes it: classes by name, their state, their source."""
    persistence, util = ModuleType("torch_utils.persistence"), ModuleType("dnnlib.util")

    class EasyDict(dict):
        pass

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("the source in the file was run")

    class Module:
        def __init__(self, state):
            self.state = state

        def __reduce__(self):
            meta = EasyDict(type="class", module_src="raise SystemExit", class_name="G", state=self.state)
            return _reconstruct_persistent_obj, (meta,)

    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj, util.EasyDict = _reconstruct_persistent_obj, EasyDict
    for name, module in (("torch_utils.persistence", persistence), ("dnnlib.util", util)):
        monkeypatch.setitem(sys.modules, name.split(".")[0], ModuleType(name.split(".")[0]))
        monkeypatch.setitem(sys.modules, name, module)

    def network(tensors):
        state = {"_parameters": {}, "_buffers": {}, "_modules": {}, "training": False, "act": nn.ReLU()}
        for name, value in tensors.items():
            first, _, rest = name.partition(".")
            if not rest:
                is_buffer = name in ("noise_const", "w_avg", "resample_filter")
                group = "_buffers" if is_buffer else "_parameters"
                state[group][name] = value if is_buffer else nn.Parameter(value)
            elif first not in state["_modules"]:
                inner = {k[len(first) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{first}.")}
                state["_modules"][first] = network(inner)
        return Module(state)

    tensors = {k.removeprefix("generator."): v for k, v in stored.items() if k.startswith("generator.")}
    return pickle.dumps({"G_ema": network(tensors), "training_set_kwargs": extra})


def test_a_published_pickle_is_read_and_its_source_is_not_run(generator, stored, tmp_path, monkeypatch):
    path = tmp_path / "places.pkl"
    path.write_bytes(as_published(stored, monkeypatch))
    for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util"):
        monkeypatch.delitem(sys.modules, name)
    model = latent_inpaint.load(path, device="cpu").model
    assert all(torch.equal(model.state_dict()[name], v) for name, v in generator.state_dict().items())


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_hostile_pickle_is_refused(stored, tmp_path, monkeypatch):
    path = tmp_path / "places.pkl"
    path.write_bytes(as_published(stored, monkeypatch, Hostile(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"places\.pkl: refused: the file asks for (io|_io)\.open"):
        latent_inpaint.load(path, device="cpu")
    assert not (tmp_path / "ran").exists()
    path.write_bytes(b"\x80\x04no pickle")
    with pytest.raises(ValueError, match=r"places\.pkl: (damaged|refused)"):
        latent_inpaint.load(path, device="cpu")


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path):
    small = torch.zeros(4)

    class Huge:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (small.storage(), 0, (10**6, 10**6), (0, 0), False, {})

    path = tmp_path / "places.pkl"
    path.write_bytes(pickle.dumps({"G_ema": Huge()}))
    with pytest.raises(ValueError, match="refused: a tensor of 1000000000000 numbers in a storage of 4"):
        latent_inpaint.load(path, device="cpu")


def test_the_filter_keeps_what_is_constant():
    flat = torch.ones(1, 2, 8, 8)
    assert torch.allclose(doubled(flat)[..., 2:-2, 2:-2], torch.ones(1, 2, 12, 12))
    assert torch.allclose(binomial(flat, (0, 0)), torch.ones(1, 2, 5, 5))


def test_equal_pictures_have_no_deviation():
    x = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).repeat(4, 1, 1, 1)
    assert torch.allclose(with_deviation(x)[:, 3], torch.full((4, 4, 4), 1e-4))
    x = torch.zeros(8, 1, 2, 2)
    x[4:] = 2.0  # every group of four has two of each
    assert torch.allclose(with_deviation(x)[:, 1], torch.ones(8, 2, 2))
