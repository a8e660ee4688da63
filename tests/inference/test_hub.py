import shutil
import sys

import pytest
import torch

import latent_inpaint
from latent_inpaint.inference import hub
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


def test_pushing_uploads_weights_description_and_card(tmp_path, network, monkeypatch):
    made = []
    monkeypatch.setattr(huggingface_hub, "create_repo", lambda name, **options: made.append((name, options)))
    monkeypatch.setattr(
        huggingface_hub,
        "upload_folder",
        lambda repo_id, folder_path, commit_message: shutil.copytree(folder_path, tmp_path / "remote"),
    )
    address = hub.push(network, "hf://owner/name", {"data": "photographs", "l1_hole": 0.1})
    assert address == "https://huggingface.co/owner/name"
    assert made == [("owner/name", {"private": True, "exist_ok": True})]
    names = sorted(path.name for path in (tmp_path / "remote").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    card = (tmp_path / "remote" / "README.md").read_text()
    assert '**data**: "photographs"' in card and 'load("hf://owner/name")' in card
    latent_inpaint.load(tmp_path / "remote")


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r'pip install "latent-inpaint\[hub\]"'):
        latent_inpaint.load("hf://owner/name")
