"""Networks of diffusers from a folder, the hub or a configuration; the package is imported when needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from latent_inpaint.extras import how_to_install

CONFIG_NAME = "config.json"
KEY = "autoencoder.path"

Value = TypeVar("Value")


def read_network(source: str, path: str | None, subfolder: str | None) -> Any:
    """A pretrained network in float32.

    Args:
        source: its class in diffusers.
        path: a folder that diffusers saved, or a name on the Hugging Face hub.
        subfolder: where the network is in it; None: at its top.

    Raises:
        ImportError: diffusers is missing.
        FileNotFoundError: there is no such folder, or the hub cannot give it.
        ValueError: another kind of network is there, or one that is not supported.
    """
    found = read_config(path, subfolder).get("_class_name")
    if found != source:
        raise ValueError(f"{KEY}={path}: expected a network of the class {source}, got {found}")
    load = _class(source).from_pretrained
    options = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
    return _supported(_reading(path, lambda: load(path, subfolder=subfolder, **options)))


def make_network(source: str, config: Mapping[str, Any]) -> Any:
    """A network of the class `source` with random weights; see `read_network` for the errors."""
    return _supported(_class(source).from_config(dict(config)))


def read_config(path: str | None, subfolder: str | None) -> Mapping[str, Any]:
    """The configuration of a network, weights unread; see `read_network`."""
    if path is None:
        raise ValueError(f"{KEY} must be a folder that diffusers saved or a name on the hub, got None")
    local = Path(path).expanduser()
    folder = local / (subfolder or "")
    if (local.is_dir() or not _names_the_hub(path)) and not (folder / CONFIG_NAME).is_file():
        raise FileNotFoundError(f"{KEY}={path}: no network of diffusers, {folder / CONFIG_NAME} is missing")
    load = _class("AutoencoderKL").load_config  # reads the file, of whatever class
    return _reading(path, lambda: load(path, subfolder=subfolder))


def arguments(network: Any) -> dict[str, Any]:
    """What a network was built with, without what diffusers notes beside it (its version, a path)."""
    expected = inspect.signature(type(network).__init__).parameters
    return {name: value for name, value in network.config.items() if name in expected}


def latent_channels(config: Mapping[str, Any]) -> int:
    """Channels of the latent; in a VQModel those of its code book."""
    return int(config.get("vq_embed_dim") or config["latent_channels"])


def _names_the_hub(path: str) -> bool:
    owner, _, name = path.partition("/")
    return bool(owner and name) and "/" not in name and owner[0] not in ".~"


def _reading(path: str | None, read: Callable[[], Value]) -> Value:
    try:
        return read()
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise FileNotFoundError(f"{KEY}={path}: cannot be read: {reason}") from error


def _class(source: str) -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise ImportError(f"{source} needs the package diffusers: {how_to_install('diffusers')}") from error
    return getattr(diffusers, source)


def _supported(network: Any) -> Any:
    channels = (network.config.in_channels, network.config.out_channels)
    if channels != (3, 3):
        raise ValueError(f"{KEY}: the network must map 3 channels to 3, got {channels[0]} and {channels[1]}")
    if network.config.get("norm_type", "group") != "group":
        raise ValueError(f"{KEY}: norm_type must be 'group', got {network.config.norm_type!r}")
    return network
