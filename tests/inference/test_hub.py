import json
import shutil
import sys

import pytest
import torch

import latent_inpaint
from latent_inpaint.models.storage import save_model

huggingface_hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def offline_cache(tmp_path, monkeypatch, network):
    """A local hub cache that holds owner/name, and no network."""
    repository = tmp_path / "models--owner--name"
    revision = "0" * 40
    save_model(network, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **more: real(*args, cache_dir=tmp_path, **more)
    )


def test_a_network_is_loaded_by_its_name(offline_cache, network):
    model = latent_inpaint.load("hf://owner/name", "cpu").model
    state = network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_name_that_is_not_there(offline_cache):
    with pytest.raises(FileNotFoundError, match=r"^hf://owner/other: cannot be downloaded"):
        latent_inpaint.load("hf://owner/other")
    with pytest.raises(ValueError, match="^hf://nameonly: a name on the hub is owner/name, got 'nameonly'"):
        latent_inpaint.load("hf://nameonly")


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """Where uploads go, and what was asked of the hub."""
    made = []
    monkeypatch.setattr(huggingface_hub, "create_repo", lambda name, **options: made.append((name, options)))
    monkeypatch.setattr(
        huggingface_hub,
        "upload_folder",
        lambda repo_id, folder_path, commit_message: shutil.copytree(folder_path, tmp_path / "remote"),
    )
    return tmp_path / "remote", made


def evaluated(path):
    card = {
        "n_images": 7,
        "size": 64,
        "masks": {"name": "thick"},
        "command": "evaluate.py root=/home/me/photos",
    }
    rows = [
        {"method": "telea", "metrics": {"ssim": 0.7}, "card": card},
        {"method": "x", "metrics": {"ssim": 0.81234, "fid": None}, "card": card | {"checkpoint": "x"}},
    ]
    path.write_text(json.dumps({"rows": rows}))
    return path


def test_pushing_uploads_weights_description_and_a_full_card(tmp_path, network, remote):
    folder, made = remote
    known = {
        "command": "train.py data.root=/home/me/photos",
        "config": {"paths": {"outputs": "/home/me/out"}},
    }
    address = latent_inpaint.Pipeline(network, card=known).push_to_hub(
        "owner/name",
        licence="apache-2.0",
        data="photographs",
        datasets=["owner/photos"],
        metrics=evaluated(tmp_path / "metrics.json"),
        limits="Small holes.",
    )
    assert address == "https://huggingface.co/owner/name"
    assert made == [("owner/name", {"private": True, "exist_ok": True})]
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    text = (folder / "README.md").read_text()
    card = huggingface_hub.ModelCard(text)
    data = card.data
    assert (data.license, data.library_name, data.datasets) == (
        "apache-2.0",
        "latent_inpaint",
        ["owner/photos"],
    )
    assert "inpainting" in data.tags and data.metrics == ["ssim"]
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_type) == ("ssim", 0.8123, "owner/photos")
    for part in (
        "## Data\nphotographs",
        "| this network | 0.8123 |",
        "Small holes.",
        "train.py data.root=photos",
    ):
        assert part in text
    everything = text + (folder / "config.json").read_text()
    assert "/home" not in everything
    again = latent_inpaint.Pipeline.from_pretrained(folder, device="cpu")
    assert again.card["licence"] == "apache-2.0" and again.card["metrics"]["pictures"] == 7


def test_what_the_card_has_to_say_is_asked_for(network, remote):
    pipeline = latent_inpaint.Pipeline(network)
    with pytest.raises(ValueError, match="data: the card on the hub has to say it, got None"):
        pipeline.push_to_hub("owner/name", licence="mit")
    with pytest.raises(ValueError, match="licence: the card on the hub has to say it, got ''"):
        pipeline.push_to_hub("owner/name", licence="", data="photographs")
    with pytest.raises(ValueError, match="^hf://name: a name on the hub is owner/name, got 'name'"):
        pipeline.push_to_hub("name", licence="mit", data="photographs")
    assert not remote[0].exists() and not remote[1]


def test_a_card_without_metrics_says_so(network, remote):
    latent_inpaint.load(device="cpu").push_to_hub("owner/box", licence="apache-2.0")  # its own card has them
    assert "| this network |" in (remote[0] / "README.md").read_text()
    shutil.rmtree(remote[0])
    latent_inpaint.Pipeline(network).push_to_hub("owner/name", "mit", "photographs")
    text = (remote[0] / "README.md").read_text()
    assert "## Metrics\nNot measured." in text and "model-index" not in text


def test_from_pretrained_takes_a_name_and_a_revision(offline_cache, network):
    for name in ("owner/name", "hf://owner/name"):
        pipeline = latent_inpaint.Pipeline.from_pretrained(name, device="cpu")
        assert torch.equal(pipeline.model.encoder.stem.conv.weight, network.encoder.stem.conv.weight)
    assert latent_inpaint.Pipeline.from_pretrained("owner/name", revision="main", device="cpu")
    with pytest.raises(FileNotFoundError, match=r"owner/name@v2: cannot be downloaded"):
        latent_inpaint.Pipeline.from_pretrained("owner/name", revision="v2")


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r'pip install "latent-inpaint\[hub\]"'):
        latent_inpaint.load("hf://owner/name")
