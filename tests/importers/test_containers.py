import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from latent_inpaint.importers.containers import (
    is_lama_zip,
    is_torchscript,
    load_lama_zip,
    read_torchscript_state,
)
from latent_inpaint.importers.lama import generator_from_state, load_generator

LAMA_TINY = Path(__file__).parents[1] / "fixtures" / "lama_tiny"


def zipped(path: Path, *folders: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            archive.write(LAMA_TINY / "config.yaml", f"{folder}/config.yaml")
            archive.write(LAMA_TINY / "best.ckpt", f"{folder}/models/best.ckpt")
    return path


def assert_equal_weights(a: nn.Module, b: nn.Module) -> None:
    other = b.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in a.state_dict().items())


def test_a_zipped_directory_gives_the_same_network(tmp_path):
    path = zipped(tmp_path / "big-lama.zip", "big-lama")
    assert is_lama_zip(path) and not is_torchscript(path)
    assert_equal_weights(load_lama_zip(path), load_generator(LAMA_TINY))


def test_a_zip_of_two_networks_names_both(tmp_path):
    with pytest.raises(ValueError, match=r"2 networks \(lama-celeba, lama-places\)"):
        load_lama_zip(zipped(tmp_path / "both.zip", "lama-places", "lama-celeba"))


def test_a_damaged_zip_is_an_error(tmp_path):
    path = zipped(tmp_path / "big-lama.zip", "big-lama")
    data = bytearray(path.read_bytes())
    data[2000:2100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"big-lama\.zip"):
        load_lama_zip(path)


class Container(nn.Module):
    """Modules nested by the dots of the tensors' names, as a program would hold them."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        children: dict[str, dict[str, torch.Tensor]] = {}
        for key, value in state.items():
            name, _, rest = key.partition(".")
            if rest:
                children.setdefault(name, {})[rest] = value
            else:
                self.register_buffer(name, value)
        for name, child in children.items():
            self.add_module(name, Container(child))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def test_an_error_names_the_zip_and_not_where_it_was_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "lama.zip", "w") as archive:
        archive.writestr("config.yaml", "generator: {kind: unet}")
        archive.write(LAMA_TINY / "best.ckpt", "best.ckpt")
    with pytest.raises(ValueError, match=r"lama\.zip: config\.yaml: generator\.kind"):
        load_lama_zip(tmp_path / "lama.zip")


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
def test_a_torchscript_file_gives_the_same_network(tmp_path):
    state = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)["state_dict"]
    program = torch.jit.trace(
        Container({f"model.{key}": value for key, value in state.items()}), torch.zeros(1)
    )
    path = tmp_path / "big-lama.pt"
    program.save(str(path))
    assert is_torchscript(path) and not is_lama_zip(path)
    found = read_torchscript_state(path)
    assert {f"model.{key}" for key in state} <= found.keys()
    assert_equal_weights(generator_from_state(found, str(path)), load_generator(LAMA_TINY))


class Harmful:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_torchscript_file_that_would_run_code_is_refused(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "harmful.pt", "w") as archive:
        archive.writestr("harmful/data.pkl", pickle.dumps(Harmful()))
        archive.writestr("harmful/constants.pkl", b"")
    with pytest.raises(ValueError, match=r"refused: the file asks for builtins\.print"):
        read_torchscript_state(tmp_path / "harmful.pt")
    assert capsys.readouterr().out == ""
