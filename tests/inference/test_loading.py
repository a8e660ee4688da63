import json
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import latent_inpaint
from latent_inpaint.inference.device import pick_device, pick_precision
from latent_inpaint.models import Autoencoder, Decoder, Encoder, FFCRefiner, LatentInpainter, Unguided
from latent_inpaint.models.parts import describe
from latent_inpaint.models.storage import save_model

LAMA_TINY = Path(__file__).parents[1] / "fixtures" / "lama_tiny"


def assert_same(pipeline: latent_inpaint.Pipeline, network: LatentInpainter) -> None:
    model = pipeline.model
    state = network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_model_folder(tmp_path, network):
    assert_same(latent_inpaint.load(save_model(network, tmp_path)), network)


def test_the_folder_of_a_run(tmp_path, network):
    save_model(network, tmp_path / "model")
    (tmp_path / "config.yaml").write_text("model: {}\n")
    assert_same(latent_inpaint.load(str(tmp_path)), network)


def test_a_checkpoint_of_a_run(tmp_path, network):
    path = tmp_path / "last.ckpt"
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    state["objective.weight"] = torch.ones(1)
    torch.save({"state_dict": state, "model_description": describe(network)}, path)
    assert_same(latent_inpaint.load(path), network)


def test_a_lama_directory_and_zip(tmp_path):
    model = latent_inpaint.load(LAMA_TINY)
    expected = load_file(LAMA_TINY / "expected.safetensors")
    prediction = model(expected["image_48x80"], expected["mask_48x80"])
    torch.testing.assert_close(prediction, expected["prediction_48x80"], rtol=0, atol=1e-5)
    with zipfile.ZipFile(tmp_path / "lama.zip", "w") as archive:
        for name in ("config.yaml", "best.ckpt"):
            archive.write(LAMA_TINY / name, name)
    assert_same(latent_inpaint.load(tmp_path / "lama.zip"), model.model)
    assert_same(latent_inpaint.load(LAMA_TINY / "best.ckpt"), model.model)


def test_weights_in_half_precision_are_read_as_float32(tmp_path, network):
    save_model(network, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in weights.items()},
        tmp_path / "model.safetensors",
    )
    model = latent_inpaint.load(tmp_path).model
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    torch.testing.assert_close(
        model.encoder.stem.conv.weight, network.encoder.stem.conv.weight, atol=1e-3, rtol=0
    )


def test_weights_of_another_network_are_named(tmp_path, network, make_network):
    save_model(network, tmp_path / "a")
    save_model(make_network(ngf=5), tmp_path / "b")
    (tmp_path / "a" / "model.safetensors").write_bytes((tmp_path / "b" / "model.safetensors").read_bytes())
    with pytest.raises(
        ValueError, match=r"encoder\.stem\.conv\.weight has the shape \[5, 3, 7, 7\], expected \[4, 3"
    ):
        latent_inpaint.load(tmp_path / "a")


def test_a_network_that_does_not_inpaint_is_named(tmp_path):
    save_model(Autoencoder(Encoder(ngf=2), Decoder(ngf=2)), tmp_path)
    with pytest.raises(ValueError, match="holds a Autoencoder"):
        latent_inpaint.load(tmp_path)


def missing(folder: Path) -> Path:
    return folder / "nowhere"


def empty_folder(folder: Path) -> Path:
    return folder


def empty_file(folder: Path) -> Path:
    (folder / "model.ckpt").touch()
    return folder / "model.ckpt"


def picture(folder: Path) -> Path:
    Image.new("RGB", (4, 4)).save(folder / "picture.png")
    return folder / "picture.png"


def foreign_checkpoint(folder: Path) -> Path:
    torch.save({"state_dict": {"resnet.conv1.weight": torch.zeros(3)}}, folder / "resnet.ckpt")
    return folder / "resnet.ckpt"


def foreign_description(folder: Path) -> Path:
    (folder / "config.json").write_text(
        json.dumps({"format": 1, "model": {"class": "os.system", "arguments": {}}})
    )
    save_file({"x": torch.zeros(1)}, folder / "model.safetensors")
    return folder


def bare_weights(folder: Path) -> Path:
    save_file({"x": torch.zeros(1)}, folder / "some.safetensors")
    return folder / "some.safetensors"


def code_in_a_pickle(folder: Path) -> Path:
    torch.save({"state_dict": {}, "extra": Harmful()}, folder / "evil.ckpt")
    return folder / "evil.ckpt"


class Harmful:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (missing, FileNotFoundError, "nowhere: no such file or folder"),
        (empty_folder, FileNotFoundError, "no network in this folder"),
        (empty_file, ValueError, "cannot be read as a checkpoint"),
        (picture, ValueError, r"picture\.png"),
        (foreign_checkpoint, ValueError, "not of an inpainting network"),
        (foreign_description, ValueError, "class must be one of"),
        (bare_weights, ValueError, r"give a folder with config\.json"),
        (code_in_a_pickle, ValueError, "refused"),
    ],
)
def test_what_holds_no_network_is_a_clear_error(tmp_path, capsys, make, error, message):
    with pytest.raises(error, match=message):
        latent_inpaint.load(make(tmp_path))
    assert capsys.readouterr().out == ""


def test_devices():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cuda", "mps", "cpu")
    with pytest.raises(ValueError, match="device must be one of"):
        pick_device("abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there():
    with pytest.raises(ValueError, match="does not have it"):
        pick_device("cuda")


def test_precision_is_chosen_at_loading(tmp_path, network):
    save_model(network, tmp_path)
    assert latent_inpaint.load(tmp_path, "cpu", "bf16").dtype is torch.bfloat16
    assert latent_inpaint.load(tmp_path, "cpu", "float32").place == "cpu in float32"
    assert latent_inpaint.Pipeline(network).dtype is torch.float32
    with pytest.raises(ValueError, match="precision must be one of float32"):
        latent_inpaint.load(tmp_path, "cpu", "int8")


def test_auto_precision_wants_hardware_and_width(monkeypatch, network):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    wide = LatentInpainter(Encoder(ngf=16), FFCRefiner(128, n_blocks=1), Decoder(ngf=16), Unguided())
    assert pick_precision("auto", torch.device("cpu"), wide) is torch.bfloat16
    assert pick_precision("auto", torch.device("cpu"), network) is torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert pick_precision("auto", torch.device("cpu"), wide) is torch.float32
