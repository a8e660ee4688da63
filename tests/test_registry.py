"""Names: what is published, what of it is here, and files of one's own."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest
from loopback import serving

from latent_inpaint import registry
from latent_inpaint.cli import main
from latent_inpaint.fetching import FetchError
from latent_inpaint.resources import conf_folder

ONE = """
my-net:
  about: a network of mine
  file: my-net.pt
  addresses: [http://127.0.0.1:9/my-net.pt]
  licence: MIT
"""


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENT_INPAINT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LATENT_INPAINT_REGISTRY", "")


def write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_what_the_field_uses_is_there():
    known = registry.entries()
    wanted = (
        "big-lama anime-manga-big-lama fcf-places-512 mat-places-512 migan inception alexnet vgg19 ade20k"
    )
    assert set(wanted.split()) <= set(known)
    assert known["big-lama"].md5 == "e3aa4aaa15225a33ec84f9f4bc47e500"
    assert known["migan"].md5 == "76eb3b1a71c400ee3290524f7a11b89c"
    assert all(one.addresses and one.licence for one in known.values())
    assert len(list((conf_folder() / "registry").glob("*.yaml"))) == 2


def test_a_file_of_ones_own_is_added_for_child_processes_too(tmp_path, monkeypatch):
    path = write(tmp_path, ONE)
    registry.add(path)
    registry.add(path)
    assert registry.entry("my-net").licence == "MIT"
    import os

    assert os.environ["LATENT_INPAINT_REGISTRY"] == str(path)
    monkeypatch.setenv("LATENT_INPAINT_REGISTRY", "")
    with pytest.raises(ValueError, match="my-net: no such name"):
        registry.entry("my-net")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "expected names with their fields, got list"),
        ("a: [", "not a YAML file"),
        ("a: 3", "a: expected fields, got 3"),
        (ONE + "  licens: MIT", re.escape("no such field: licens (did you mean licence?)")),
        (ONE.replace("licence: MIT", "size: 3"), "my-net: lacks licence"),
        (ONE + "  sha256: abc", "my-net.sha256: expected 64 hexadecimal digits"),
        (
            ONE.replace("my-net.pt\n", "../my-net.pt\n", 1),
            "my-net.file: expected names of files, without folders",
        ),
        (ONE.replace("http:", "file:"), "my-net.addresses: expected a list of http addresses"),
        (ONE + "  size: many", "my-net.size: expected int, got 'many'"),
    ],
)
def test_a_file_that_is_no_registry_is_one_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        registry.add(write(tmp_path, text))
    assert "\n" not in str(caught.value) and str(tmp_path / "mine.yaml") in str(caught.value)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        registry.add(tmp_path / "nowhere.yaml")


def test_copies_are_found_under_every_name_and_checked(tmp_path):
    inception = registry.entry("inception")
    assert inception.find() is None
    there = tmp_path / "torch/hub/checkpoints" / inception.aliases[0]
    there.parent.mkdir(parents=True)
    there.write_bytes(b"something")
    assert inception.find() == there
    with pytest.raises(ValueError, match=f"{there} is not inception as published: expected sha256 6726"):
        inception.get()


def test_a_licence_is_accepted_before_anything_is_fetched(tmp_path, capsys):
    with pytest.raises(
        ValueError, match=r"must be accepted .*: CC-BY-NC-4.0; then latent-inpaint download mat"
    ):
        registry.entry("mat-places-512").get()
    with pytest.raises(FetchError):  # offline
        registry.entry("mat-places-512").get(accept_licence=True)
    assert main(["download", "mat-places-512"]) == 1
    assert "--accept-licence" in capsys.readouterr().err


def test_names_are_listed_downloaded_and_found_again(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("LATENT_INPAINT_OFFLINE")
    with serving(b"tensors") as shop:
        text = ONE.replace("http://127.0.0.1:9", shop.address)
        path = write(tmp_path, f"{text}  sha256: {hashlib.sha256(b'tensors').hexdigest()}\n  size: 7\n")
        assert main(["download", "my-net", "--registry", str(path)]) == 0
        assert (tmp_path / "models/my-net.pt").read_bytes() == b"tensors"
        assert capsys.readouterr().out == f"{tmp_path / 'models/my-net.pt'}: my-net, licence MIT\n"
        assert main(["download", "my-net"]) == 0 and len(shop.asked) == 1
    capsys.readouterr()
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("my-net")).split()[:3] == ["my-net", "0", "yes"]
    assert any(line.startswith("mat-places-512") and "to be accepted" in line for line in lines)
    assert next(line for line in lines if line.startswith("telea")).split()[0] == "telea"
    assert main(["models", "--json"]) == 0
    facts = {one["name"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(facts) == [line.split()[0] for line in lines[1 : len(facts) + 1]]
    assert facts["quality"]["here"] and facts["my-net"]["file"] == str(tmp_path / "models/my-net.pt")
    assert facts["vgg19"]["about"].startswith("weights for ") and not facts["vgg19"]["network"]
    assert main(["download", "big-lam"]) == 1
    assert "did you mean big-lama" in capsys.readouterr().err


def test_a_networks_row_has_the_checksum_of_the_file_that_its_name_stands_for(tmp_path):
    from latent_inpaint.evaluation.networks import load_network

    lama = Path(__file__).parent / "fixtures" / "lama_tiny"
    published = tmp_path / "models" / "my-net.zip"
    published.parent.mkdir()
    with zipfile.ZipFile(published, "w") as archive:
        archive.write(lama / "config.yaml", "my-net/config.yaml")
        archive.write(lama / "best.ckpt", "my-net/models/best.ckpt")
    registry.add(write(tmp_path, ONE.replace("my-net.pt", "my-net.zip") + "  importer: lama\n"))
    card = load_network("my-net", device="cpu").card()
    assert card["checkpoint_sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
