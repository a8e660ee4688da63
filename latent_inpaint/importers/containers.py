"""Other boxes around LaMa's weights: the published zip, and the TorchScript file `big-lama.pt` of IOPaint.

A TorchScript file holds the tensors in a pickle that names classes of the program inside. The reader here
lets it name tensors and nothing else: every class of the program is an empty one, none of its code is run.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import torch
from torch import Tensor

from latent_inpaint.importers.lama import CHECKPOINT_NAMES, CONFIG_NAME, load_generator
from latent_inpaint.importers.pickles import laid_out
from latent_inpaint.models.inpainter import LatentInpainter


def is_lama_zip(path: Path) -> bool:
    """Whether the zip file holds LaMa's `config.yaml` and checkpoint, in whatever folder."""
    with zipfile.ZipFile(path) as archive:
        return bool(_lama_folders(archive))


def load_lama_zip(path: Path) -> LatentInpainter:
    """The generator of a zipped LaMa directory, as `big-lama.zip` is published.

    Raises:
        ValueError: several networks in one zip, or a damaged one.
    """
    with unpacked(path) as folder:
        return load_generator(folder)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The LaMa directory of a zip, unpacked for as long as it is looked at; errors name the zip.

    Raises:
        ValueError: several networks in one zip, or a damaged one.
    """
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as temporary:
        folders = _lama_folders(archive)
        if len(folders) != 1:
            names = ", ".join(str(folder) for folder in folders)
            raise ValueError(
                f"{path}: holds {len(folders)} networks ({names}); unpack it and give one folder"
            )
        (folder, checkpoint), *_ = folders.items()
        target = Path(temporary)
        try:
            for member, name in ((folder / CONFIG_NAME, CONFIG_NAME), (checkpoint, CHECKPOINT_NAMES[0])):
                with archive.open(str(member)) as source, (target / name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{path}: damaged zip file: {error}") from error
        try:
            yield target
        except ValueError as error:
            raise ValueError(f"{path}: {str(error).replace(f'{target}/', '')}") from error


def is_torchscript(path: Path) -> bool:
    """Whether the zip file is a TorchScript program."""
    with zipfile.ZipFile(path) as archive:
        return any(PurePosixPath(name).match("*/constants.pkl") for name in archive.namelist())


def read_torchscript_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a TorchScript file by dotted name; its program is not run.

    Raises:
        ValueError: the file is damaged, or its pickle asks for anything but tensors.
    """
    with zipfile.ZipFile(path) as archive:
        pickled = next((name for name in archive.namelist() if PurePosixPath(name).match("*/data.pkl")), None)
        if pickled is None:
            raise ValueError(f"{path}: no TorchScript file: data.pkl is missing")
        try:
            with archive.open(pickled) as file:
                root = _TensorsOnly(file, archive, PurePosixPath(pickled).parent).load()
        except pickle.UnpicklingError as error:
            raise ValueError(f"{path}: refused: {error}") from error
        except Exception as error:  # a damaged file raises what the unpickler happens to meet
            raise ValueError(f"{path}: damaged TorchScript file: {type(error).__name__}: {error}") from error
    return dict(_named_tensors(root, ""))


class _Inert:
    """Stands for every class of the file's program: keeps its attributes, does nothing."""

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def _plain_list(values: list[Any]) -> list[Any]:
    return values


_STORAGE_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LIST_KINDS = ("int", "tensor", "double", "bool")


class _TensorsOnly(pickle.Unpickler):
    _ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("torch._utils", "_rebuild_tensor_v2"): laid_out,
        ("collections", "OrderedDict"): OrderedDict,
        **{("torch.jit._pickle", f"build_{kind}list"): _plain_list for kind in _LIST_KINDS},
    }

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: PurePosixPath) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Inert
        if (module, name) in self._ALLOWED:
            return self._ALLOWED[module, name]
        if module == "torch" and name in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}; only tensors are read")

    def persistent_load(self, pid: tuple[str, Any, str, str, int]) -> Tensor:
        _, dtype, key, _, _ = pid
        data = bytearray(self._archive.read(str(self._folder / "data" / key)))
        return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _named_tensors(value: Any, name: str) -> list[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(name, value)]
    if not isinstance(value, _Inert):
        return []
    found = []
    for key, item in value.state.items():
        found += _named_tensors(item, f"{name}.{key}" if name else str(key))
    return found


def _lama_folders(archive: zipfile.ZipFile) -> dict[PurePosixPath, PurePosixPath]:
    """Folder with a configuration → its checkpoint."""
    names = {PurePosixPath(name) for name in archive.namelist()}
    folders = sorted(name.parent for name in names if name.name == CONFIG_NAME)
    return {
        folder: folder / checkpoint
        for folder in folders
        for checkpoint in CHECKPOINT_NAMES
        if folder / checkpoint in names
    }
