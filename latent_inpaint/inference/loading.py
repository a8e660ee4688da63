"""A model from whatever holds one. No file can make it run code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from latent_inpaint import registry
from latent_inpaint.importers import containers, fcf, lama, pickles, torchscript
from latent_inpaint.models.classical import CLASSICAL
from latent_inpaint.models.copying import CopyingInpainter
from latent_inpaint.models.diffusers_inpainter import PREFIX, load_diffusers
from latent_inpaint.models.inpainter import Inpainter
from latent_inpaint.models.storage import (
    DESCRIPTION_NAME,
    FIRST_DESCRIPTION_NAME,
    WEIGHTS_NAME,
    build_with_weights,
    description_file,
    load_model,
    read_card,
)
from latent_inpaint.near import near

READERS = ("lama", "fcf", "torchscript")
"""Importers of the registry that there are."""
BOX = Path(__file__).parent / "box"
QUALITY, FAST = "quality", "fast"
"""The network in the package with texture copied to where it says, which is the default; and it alone."""
NAMES = (QUALITY, FAST, *CLASSICAL)
ACCEPTED = (
    f"a folder with {DESCRIPTION_NAME} and {WEIGHTS_NAME}, a run's folder, a checkpoint of a run (.ckpt), "
    f"a LaMa folder or zip ({lama.CONFIG_NAME} and {' or '.join(lama.CHECKPOINT_NAMES)}), big-lama.pt, "
    "FcF's .pkl or .pth, a described TorchScript file (.pt with a .yaml beside it), hf://owner/name, "
    f"{PREFIX}DIR, one of {', '.join(NAMES)}, or a name that `latent-inpaint models` lists"
)


def default_model(refined: object = False) -> str:
    """The model where none is named: refinement is of a latent, which copies have none of."""
    return FAST if refined else QUALITY


def read_model(source: str | Path | None) -> tuple[Any, dict[str, Any]]:
    """An inpainter, a module on the CPU in eval mode, and its card: where its weights come from.

    Args:
        source: see `latent_inpaint.load`.

    Raises:
        FileNotFoundError: nothing is there.
        ImportError: a classical method's library is not installed.
        OSError: a network by name is not here and cannot be fetched.
        ValueError: what is there is no inpainting network, is damaged, or would run code; or a licence has to
            be accepted first.
    """
    if source is None or str(source) in (QUALITY, FAST):
        if not (BOX / WEIGHTS_NAME).is_file():
            raise FileNotFoundError(
                f"source: this installation comes without a network; give one: {ACCEPTED}"
            )
        model, card = _read_folder(BOX)
        return (model if source == FAST else CopyingInpainter(model).eval()), card
    if str(source).startswith("hf://"):
        from latent_inpaint.inference.hub import download

        return _read_folder(download(str(source)))
    if str(source).startswith(PREFIX):
        return load_diffusers(str(source)), {}
    if str(source) in CLASSICAL:
        return CLASSICAL[str(source)]().eval(), {}
    known = registry.entries()
    if str(source) in known:
        return _read_published(known[str(source)])
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        names = [*NAMES, *(name for name, one in known.items() if one.importer)]
        raise FileNotFoundError(
            f"{path}: no such file or folder{near(str(source), names)}; expected {ACCEPTED}"
        )
    return _read_file(path)


def weights_at(source: str | Path) -> Path | None:
    """The file or folder here that `read_model` takes the weights from; None where there is none."""
    if str(source) in (QUALITY, FAST):
        return BOX
    known = registry.entries()
    if str(source) in known:
        return known[str(source)].find()
    path = Path(source).expanduser()
    return path if path.exists() else None


def _read_published(entry: registry.Entry) -> tuple[Any, dict[str, Any]]:
    if entry.importer is None:
        raise ValueError(f"{entry.name}: weights for {entry.about}, no inpainting network")
    if entry.importer not in READERS:
        raise ValueError(f"{entry.name}: nothing here reads it yet (importer {entry.importer})")
    path = entry.get()
    card = {"name": entry.name, "licence": entry.licence, "published": entry.addresses[0]}
    card["good_at"] = entry.about
    if entry.importer == "torchscript":
        return torchscript.load_torchscript(path, entry.signature), card
    return _read_file(path)[0], card


LAST_NAME = "last.ckpt"


def _read_folder(folder: Path) -> tuple[Any, dict[str, Any]]:
    for place in (folder, folder / "model"):
        if description_file(place).is_file() or (place / WEIGHTS_NAME).is_file():
            return _checked(load_model(place), place), read_card(place)
    for stopped in (folder / "checkpoints" / LAST_NAME, folder / LAST_NAME):
        if stopped.is_file():  # a run that was stopped before it saved its model
            return _read_checkpoint(stopped)
    if lama.is_lama_directory(folder):
        return lama.load_generator(folder), {}
    raise FileNotFoundError(f"{folder}: no network in this folder; expected {ACCEPTED}")


def _read_file(path: Path) -> tuple[Any, dict[str, Any]]:
    if path.name in (DESCRIPTION_NAME, FIRST_DESCRIPTION_NAME, WEIGHTS_NAME):
        return _read_folder(path.parent)
    if path.suffix == ".safetensors":
        raise ValueError(
            f"{path}: weights alone do not say which network they are; give a folder with {DESCRIPTION_NAME}"
        )
    if zipfile.is_zipfile(path):
        try:
            if containers.is_lama_zip(path):
                return containers.load_lama_zip(path), {}
            if containers.is_torchscript(path):
                if (described := torchscript.description_of(path)) is not None:
                    return torchscript.load_torchscript(path, described), {}
                state = containers.read_torchscript_state(path)
                return lama.generator_from_state(state, str(path)), {}
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise ValueError(f"{path}: damaged zip file: {error}") from error
    if path.suffix == ".pkl":
        networks = pickles.read_pickle(path)
        state = networks.get("G_ema") or networks.get("G") or {}
        return fcf.load_generator(state, source=str(path)), {}
    return _read_checkpoint(path)


def _read_checkpoint(path: Path) -> tuple[Any, dict[str, Any]]:
    checkpoint = lama.read_lama_checkpoint(path)
    state = checkpoint.get("state_dict")
    description = checkpoint.get("model_description")
    if isinstance(state, dict) and isinstance(description, dict):
        weights = {
            name.removeprefix("model."): tensor
            for name, tensor in state.items()
            if isinstance(name, str) and name.startswith("model.") and isinstance(tensor, torch.Tensor)
        }
        return _checked(build_with_weights(description, weights, str(path)), path), {}
    if isinstance(state, dict) and lama.generator_prefix(state) is not None:
        return lama.generator_from_state(state, str(path)), {}
    if fcf.is_generator(checkpoint):
        return fcf.load_generator(checkpoint, source=str(path)), {}
    raise ValueError(
        f"{path}: a checkpoint, but not of an inpainting network of ours or of LaMa; expected {ACCEPTED}"
    )


def _checked(model: nn.Module, source: Path) -> nn.Module:
    if not isinstance(model, Inpainter):
        raise ValueError(
            f"{source}: holds a {type(model).__name__}, not an inpainter, called as model(image, mask)"
        )
    return model.eval()
