"""A network on the disk: `model.safetensors` (weights) and `config.json` (how it is built). No pickle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.files import read_json, replacing, write_json
from latent_inpaint.models.migrations import upgrade
from latent_inpaint.models.parts import build, describe

WEIGHTS_NAME = "model.safetensors"
DESCRIPTION_NAME = "config.json"
FIRST_DESCRIPTION_NAME = "model.json"
"""What format 1 called it."""
FORMATS = (1, 2)


def save_model(model: nn.Module, directory: str | Path, card: Mapping[str, Any] | None = None) -> Path:
    """Write a network made of registered parts into `directory`, and return that path.

    Args:
        model: the network; see `latent_inpaint.models.part`.
        directory: made if missing; files of the same names are replaced, each in one step.
        card: JSON values that say where the weights come from (data, command, metrics).

    Raises:
        OSError: a file could not be written (a full disk, say); what was there before is kept.
    """
    from safetensors.torch import save

    directory = Path(directory)
    description = {"format": FORMATS[-1], "model": describe(model), "card": dict(card or {})}
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(directory / WEIGHTS_NAME) as file:
        file.write(save(weights))  # save_file lets only the owner read
        file.flush()  # a full disk shows before the description is replaced
        write_json(directory / DESCRIPTION_NAME, description)
    (directory / FIRST_DESCRIPTION_NAME).unlink(missing_ok=True)  # of other weights
    return directory


def description_file(directory: str | Path) -> Path:
    """Where a model folder's description is; `config.json` also where there is none."""
    first = Path(directory) / FIRST_DESCRIPTION_NAME
    own = Path(directory) / DESCRIPTION_NAME
    return first if first.is_file() and not own.is_file() else own


def load_model(directory: str | Path) -> nn.Module:
    """Rebuild the network that `save_model` wrote, in eval mode, on the CPU, in float32.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: the files are damaged, of a newer format, or do not belong together (it says which keys).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    directory = Path(directory)
    for path in (description_file(directory), directory / WEIGHTS_NAME):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: a model folder needs {DESCRIPTION_NAME} and {WEIGHTS_NAME}"
            )
    description = _read_description(description_file(directory))["model"]
    try:
        weights = load_file(directory / WEIGHTS_NAME)
    except SafetensorError as error:
        raise ValueError(f"{directory / WEIGHTS_NAME}: not a safetensors file: {error}") from error
    return build_with_weights(description, weights, str(directory / WEIGHTS_NAME)).eval()


def read_card(directory: str | Path) -> dict[str, Any]:
    """What `save_model` was told of where a model's weights come from."""
    return dict(_read_description(description_file(directory)).get("card") or {})


def build_with_weights(description: dict[str, Any], weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network of a description, with `weights`, which also limit how large it may be.

    Raises:
        ValueError: see `latent_inpaint.models.parts.build` and `load_weights`.
    """
    description, weights = upgrade(description, weights)
    largest = max((side for tensor in weights.values() for side in tensor.shape), default=0)
    model = build(description, max(1024, largest))
    load_weights(model, weights, source)
    return model


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy `weights` into `model`, exactly: the same names and shapes on both sides.

    Raises:
        ValueError: names the missing and unexpected keys and the shapes that differ, and `source`.
    """
    expected = model.state_dict()
    problems = [f"missing {name}" for name in expected if name not in weights]
    problems += [f"unexpected {name}" for name in weights if name not in expected]
    problems += [
        f"{name} has the shape {list(weights[name].shape)}, expected {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        more = f" … and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise ValueError(f"{source}: the weights are of another network: {'; '.join(problems[:8])}{more}")
    model.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in weights.items()})


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a PyTorch checkpoint file, tensors and plain values only: a pickle that would run code is refused.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain values.
    """
    import pickle

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it holds {foreign[1]}" if foreign else "its pickle is damaged or of another kind"
        raise ValueError(f"{path}: refused: no plain checkpoint of tensors and numbers: {reason}") from error
    except (
        Exception
    ) as error:  # a damaged archive raises what the zip reader or the unpickler happens to meet
        raise ValueError(
            f"{path}: cannot be read as a checkpoint of PyTorch ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f"{path}: a checkpoint holds a dictionary, got {type(checkpoint).__name__}")
    return checkpoint


def _read_description(path: Path) -> dict[str, Any]:
    description = read_json(path)
    if not isinstance(description, dict) or description.get("format") not in FORMATS:
        found = description.get("format") if isinstance(description, dict) else type(description).__name__
        raise ValueError(f"{path}: format must be one of {FORMATS}, got {found}")
    if not isinstance(description.get("model"), dict):
        raise ValueError(f"{path}: model must describe a network, got {description.get('model')!r}")
    return description
