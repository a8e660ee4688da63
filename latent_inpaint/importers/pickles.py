"""Networks pickled as whole objects (StyleGAN2-ADA and what is built on it): their tensors, nothing run.

Such a pickle names classes, and even holds their source. The reader here lets it make tensors; every class of
a network is an empty one that keeps its attributes; anything else is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_INERT_MODULES = ("training.", "torch_utils.", "dnnlib", "torch.nn.", "numpy")


def read_pickle(path: Path) -> dict[str, dict[str, Tensor]]:
    """The networks of a pickled dictionary: name → tensors by dotted name.

    Raises:
        ValueError: the file is damaged, holds no dictionary of networks, or asks for anything but tensors and
            networks.
    """
    try:
        with path.open("rb") as file:
            content = _NetworksOnly(file).load()
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path}: refused: {error}") from error
    except Exception as error:  # a damaged file raises what the unpickler happens to meet
        raise ValueError(f"{path}: damaged pickle: {type(error).__name__}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary of networks, got {type(content).__name__}")
    return {str(name): dict(_tensors(network, "")) for name, network in content.items()}


class _Inert(dict):
    """Stands for every class: takes any arguments, keeps attributes and items, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def _persistent(meta: dict[str, Any]) -> _Inert:
    """What StyleGAN2-ADA would build from the source in the file."""
    network = _Inert()
    network.__setstate__(meta.get("state"))
    return network


def _parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _tensor(storage: Any, *layout: Any) -> Tensor:
    return laid_out(torch.empty(0, dtype=storage.dtype).set_(storage), *layout)


def laid_out(flat: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """A copy of the tensor that lies so in a storage.

    Raises:
        pickle.UnpicklingError: the storage holds fewer numbers.
    """
    if math.prod(size) > flat.numel():  # strides of 0 would make much of little
        raise pickle.UnpicklingError(f"a tensor of {math.prod(size)} numbers in a storage of {flat.numel()}")
    return torch.as_strided(flat, size, stride, offset).clone()


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


_ALLOWED = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
    ("collections", "OrderedDict"): OrderedDict,
}


class _NetworksOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.startswith(_INERT_MODULES):
            return _Inert
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}; only tensors are read")


def _tensors(network: Any, prefix: str) -> list[tuple[str, Tensor]]:
    state = network.state if isinstance(network, _Inert) else {}
    found = []
    for group in ("_parameters", "_buffers"):
        values = (state.get(group) or {}).items()
        found += [(f"{prefix}{name}", value) for name, value in values if isinstance(value, Tensor)]
    for name, part in (state.get("_modules") or {}).items():
        found += _tensors(part, f"{prefix}{name}.")
    return found
