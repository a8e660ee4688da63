import json
import sys
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from latent_inpaint.models import (
    Decoder,
    Encoder,
    FFCRefiner,
    LatentInpainter,
    MaskControl,
    load_model,
    part,
    parts,
    save_model,
)
from latent_inpaint.models.parts import build, describe
from latent_inpaint.models.storage import read_card, read_checkpoint


@pytest.fixture
def model():
    encoder = Encoder(2, 2)
    return LatentInpainter(
        encoder, FFCRefiner(8, n_blocks=1, delta=True), Decoder(2, 2), MaskControl(encoder.stage_channels)
    ).eval()


def test_round_trip(model, tmp_path):
    again = load_model(save_model(model, tmp_path, card={"data": "none"}))
    image, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    assert torch.equal(again(image, mask), model(image, mask))
    assert describe(again) == describe(model)
    assert not again.training


def test_weights_of_another_network_are_named(model, tmp_path):
    save_model(model, tmp_path)
    description = json.loads((tmp_path / "config.json").read_text())
    description["model"]["arguments"]["refiner"]["arguments"]["n_blocks"] = 2
    (tmp_path / "config.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"of another network: missing refiner.blocks.1"):
        load_model(tmp_path)


def test_damaged_files(model, tmp_path):
    save_model(model, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not a JSON file"):
        load_model(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config.json is missing: a model folder needs"):
        load_model(tmp_path)


def test_what_the_first_format_saved_is_read(model, tmp_path):
    (save_model(model, tmp_path, {"data": "none"}) / "config.json").rename(tmp_path / "model.json")
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(description | {"format": 1}))
    assert describe(load_model(tmp_path)) == describe(model) and read_card(tmp_path) == {"data": "none"}
    save_model(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    (tmp_path / "config.json").write_text(json.dumps(description | {"format": 3}))
    with pytest.raises(ValueError, match=r"config\.json: format must be one of \(1, 2\), got 3"):
        load_model(tmp_path)


def test_unknown_class_is_not_imported():
    with pytest.raises(ValueError, match="class must be one of .* got 'os.system'"):
        build({"class": "os.system", "arguments": {"command": "true"}})


def test_ones_own_part():
    @part
    class Doubling(nn.Module):
        def __init__(self, factor: float = 2.0) -> None:
            super().__init__()
            self.factor = factor

    assert build(describe(Doubling(3.0))).factor == 3.0
    with pytest.raises(ValueError, match="do not fit Doubling"):
        build({"class": "Doubling", "arguments": {"nonsense": 1}})
    with pytest.raises(TypeError, match="not a registered part"):
        describe(nn.Linear(1, 1))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package that is installed: a module with a part, and metadata that name it."""
    (tmp_path / "blur_plugin.py").write_text(
        "from torch import nn\n"
        "from latent_inpaint.models import part\n"
        "@part\n"
        "class PluginBlur(nn.Module):\n"
        "    def __init__(self, size: int = 3) -> None:\n"
        "        super().__init__()\n"
        "        self.pool = nn.AvgPool2d(size)\n"
    )
    metadata = tmp_path / "blur-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: blur\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[latent_inpaint.plugins]\nblur = blur_plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    parts._REGISTRY.pop("PluginBlur", None)
    sys.modules.pop("blur_plugin", None)


def test_a_plugins_class_is_found_when_a_model_is_loaded(plugin):
    described = {"class": "PluginBlur", "arguments": {"size": 5}, "of": "blur_plugin"}
    assert "blur_plugin" not in sys.modules
    network = build(described)
    assert network.pool.kernel_size == 5
    assert describe(network) == described


def test_a_missing_plugin_is_named():
    described = {"class": "PluginBlur", "arguments": {}, "of": "blur_plugin"}
    with pytest.raises(ValueError, match=r"PluginBlur is of the module 'blur_plugin'.*group latent_inpaint"):
        build(described)


def test_a_broken_plugin_is_named(plugin):
    (plugin / "blur_plugin.py").write_text("raise RuntimeError('no such GPU')")
    with pytest.raises(ImportError, match="blur = blur_plugin of blur cannot be imported: no such GPU"):
        build({"class": "PluginBlur", "arguments": {}, "of": "blur_plugin"})


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/latent_inpaint_evil",)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    torch.save({"state_dict": {}, "evil": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(ValueError, match="refused"):
        read_checkpoint(tmp_path / "evil.ckpt")


def test_foreign_and_missing_checkpoints(tmp_path):
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(ValueError, match=r"text.ckpt"):
        read_checkpoint(tmp_path / "text.ckpt")
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save([1], tmp_path / "list.ckpt")
    with pytest.raises(ValueError, match="holds a dictionary, got list"):
        read_checkpoint(tmp_path / "list.ckpt")


def test_who_may_read_the_folder_may_read_the_weights(tmp_path):
    folder = save_model(Encoder(2), tmp_path)
    assert (folder / "model.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode


def test_values_are_parts_too():
    """A frozen dataclass, once registered, is described with the network that holds it, and rebuilt."""

    @dataclass(frozen=True)
    class Half:
        share: float = 0.5

    default = Half()
    part(Half)

    @part
    class Scaled(nn.Module):
        def __init__(self, half: Half = default) -> None:
            super().__init__()
            self.half = half

    described = {"class": "Half", "arguments": {"share": 0.5}, "of": __name__}
    assert describe(Scaled())["arguments"] == {"half": described}
    assert build(describe(Scaled(Half(0.25)))).half == Half(0.25)
    with pytest.raises(TypeError, match="JSON values or parts|not a registered part"):
        Scaled(dataclass(frozen=True)(type("Foreign", (), {}))())
