import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from latent_inpaint.importers.lama import generator_from_state, load_generator, save_generator
from latent_inpaint.importers.lama_config import read_shape
from latent_inpaint.importers.lama_layout import generator_prefix, infer_shape

LAMA_TINY = Path(__file__).parents[1] / "fixtures" / "lama_tiny"


@pytest.fixture(scope="module")
def model():
    return load_generator(LAMA_TINY)


@pytest.fixture(scope="module")
def expected():
    return load_file(LAMA_TINY / "expected.safetensors")


@pytest.mark.parametrize("size", ["64x64", "48x80"])
@torch.no_grad()
def test_every_stored_tensor_of_the_original_is_met(model, expected, size):
    image, mask = expected[f"image_{size}"], expected[f"mask_{size}"]
    masked_latent = model.encode_masked(image, mask)
    latent = model.refine(masked_latent)
    for name, found in {"latent": masked_latent, "refined": latent}.items():
        halves = torch.cat([expected[f"{name}_local_{size}"], expected[f"{name}_global_{size}"]], dim=1)
        torch.testing.assert_close(found, halves, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.decode(latent), expected[f"prediction_{size}"], rtol=0, atol=1e-5)
    torch.testing.assert_close(model(image, mask), expected[f"prediction_{size}"], rtol=0, atol=1e-5)


def test_the_generator_is_in_eval_mode(model):
    assert not any(module.training for module in model.modules())


def copy_of_the_directory(tmp_path: Path, checkpoint: object, name: str = "models/best.ckpt") -> Path:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    torch.save(checkpoint, tmp_path / name)
    (tmp_path / "config.yaml").write_bytes((LAMA_TINY / "config.yaml").read_bytes())
    return tmp_path


def test_the_checkpoint_may_lie_in_models(tmp_path, model):
    directory = copy_of_the_directory(tmp_path, torch.load(LAMA_TINY / "best.ckpt", weights_only=True))
    state = load_generator(directory).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_references_between_configuration_values_are_followed(tmp_path):
    text = (LAMA_TINY / "config.yaml").read_text()
    text = text.replace("ratio_gout: 0.75", "ratio_gout: '${generator.resnet_conv_kwargs.ratio_gin}'")
    text = text.replace(
        "downsample_conv_kwargs: {ratio_gin: 0",
        "downsample_conv_kwargs: {ratio_gin: '${generator.init_conv_kwargs.ratio_gout}'",
    )
    (tmp_path / "config.yaml").write_text(text)
    assert read_shape(tmp_path / "config.yaml") == read_shape(LAMA_TINY / "config.yaml")


def test_a_reference_to_itself_is_an_error(tmp_path):
    text = (LAMA_TINY / "config.yaml").read_text().replace("ngf: 4", "ngf: '${generator.ngf}'")
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match="leads nowhere"):
        read_shape(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("kind: ffc_resnet", "kind: pix2pixhd_global", "generator.kind"),
        ("add_out_act: sigmoid", "add_out_act: tanh", "generator.add_out_act"),
        ("ratio_gout: 0.75, enable_lfu: false", "ratio_gout: 0.75, enable_lfu: true", "enable_lfu"),
        ("ratio_gin: 0.75", "ratio_gin: 0.5", "ratio_gout"),
    ],
)
def test_options_that_our_network_lacks_are_errors(tmp_path, old, new, key):
    (tmp_path / "config.yaml").write_text((LAMA_TINY / "config.yaml").read_text().replace(old, new))
    with pytest.raises(ValueError, match=key):
        read_shape(tmp_path / "config.yaml")


def test_missing_weights_are_named(tmp_path):
    checkpoint = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)
    del checkpoint["state_dict"]["generator.model.5.conv1.ffc.convg2g.conv2.weight"]
    with pytest.raises(
        ValueError, match=r"missing refiner\.blocks\.0\.ffc1\.global_to_global\.expand\.weight"
    ):
        load_generator(copy_of_the_directory(tmp_path, checkpoint))


def test_a_lightning_class_as_dictionary_key_is_read_but_not_run(tmp_path, monkeypatch):
    module = "pytorch_lightning.callbacks.model_checkpoint"
    lightning_class = type("ModelCheckpoint", (), {"__module__": module})
    checkpoint = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)
    with monkeypatch.context() as patch:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module):
            patch.setitem(sys.modules, name, ModuleType(name))
        patch.setattr(sys.modules[module], "ModelCheckpoint", lightning_class, raising=False)
        directory = copy_of_the_directory(
            tmp_path, checkpoint | {"callbacks": {lightning_class: {"best": 1.0}}}
        )
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module):
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [])  # nothing more can be imported
        assert load_generator(directory).encoder.in_channels == 4


class Harmful:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    checkpoint = {"state_dict": {}, "callbacks": Harmful()}
    with pytest.raises(ValueError, match="refused"):
        load_generator(copy_of_the_directory(tmp_path, checkpoint))
    assert capsys.readouterr().out == ""


def test_a_bare_pickle_is_refused(tmp_path, capsys):
    (tmp_path / "best.ckpt").write_bytes(pickle.dumps(Harmful()))
    (tmp_path / "config.yaml").write_bytes((LAMA_TINY / "config.yaml").read_bytes())
    with pytest.raises(ValueError, match=r"best\.ckpt"):
        load_generator(tmp_path)
    assert capsys.readouterr().out == ""


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best\.ckpt"):
        load_generator(tmp_path)


def test_the_shape_can_be_read_off_the_weights():
    state = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)["state_dict"]
    assert generator_prefix(state) == "generator."
    assert infer_shape(state, "generator.") == read_shape(LAMA_TINY / "config.yaml")


def test_weights_without_a_generator_are_an_error():
    with pytest.raises(ValueError, match="somewhere: holds no LaMa generator"):
        generator_from_state({"discriminator.model0.0.weight": torch.zeros(1)}, "somewhere")


def test_a_network_is_written_back_as_the_original_has_it(tmp_path, model, expected):
    directory = save_generator(model, tmp_path / "lama")
    original = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)["state_dict"]
    written = torch.load(directory / "models/best.ckpt", weights_only=True)["state_dict"]
    generator = {name: tensor for name, tensor in original.items() if name.startswith("generator.")}
    assert written.keys() == generator.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in generator.items())
    assert read_shape(directory / "config.yaml") == read_shape(LAMA_TINY / "config.yaml")
    with torch.no_grad():
        again = load_generator(directory)(expected["image_64x64"], expected["mask_64x64"])
    torch.testing.assert_close(again, expected["prediction_64x64"], rtol=0, atol=1e-5)


def test_other_networks_are_not(tmp_path):
    from latent_inpaint import load

    with pytest.raises(ValueError, match="to lama: expected Encoder, MaskAsAlpha, FFCRefiner, Decoder, got"):
        save_generator(load("fast", device="cpu").model, tmp_path)
    assert not list(tmp_path.iterdir())
