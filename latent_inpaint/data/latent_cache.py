"""Latents of fixed crops and masks, computed once and read memory-mapped: an encoder need not run again.

A folder of arrays, one row a sample: `image` uint8 `[3, H, W]`, `mask` bits, `name` numbers of the pictures,
`target` float16 `[C, h, w]`, the true picture's latent, and perhaps `masked`, the masked picture's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from latent_inpaint.data import Batch
from latent_inpaint.data.sampler import SampleKey
from latent_inpaint.files import read_json, sha256_of, write_json

ABOUT = "about.json"
LATENTS = ("target", "masked")


class LatentFiles:
    """The arrays of a cache in the writing.

    Args:
        folder: where they are.
        names: of the training pictures.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.numbers = {name: number for number, name in enumerate(names)}

    def create(self, n_rows: int, image: Tensor, latents: Mapping[str, Tensor]) -> None:
        """Empty arrays for so many samples like this one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "image": ("u1", tuple(image.shape)),
            "mask": ("u1", (-(-image.shape[-2] * image.shape[-1] // 8),)),
            "name": ("i8", ()),
            **{kind: ("f2", tuple(latent.shape)) for kind, latent in latents.items()},
        }
        for kind, (dtype, shape) in shapes.items():
            np.lib.format.open_memmap(self._path(kind), "w+", dtype, (n_rows, *shape)).flush()

    def write(self, rows: Sequence[int], batch: Batch, latents: Mapping[str, Tensor]) -> None:
        """Samples and their latents, `[B, C, h, w]`, into their rows."""
        values = {
            "image": (255 * batch.image).round().byte(),
            "mask": torch.from_numpy(np.packbits(batch.mask.bool().flatten(1).numpy(), axis=1)),
            "name": torch.tensor([self.numbers[name] for name in batch.name]),
            **{kind: latent.half().cpu() for kind, latent in latents.items()},
        }
        for kind, value in values.items():
            array = np.lib.format.open_memmap(self._path(kind), "r+")
            array[list(rows)] = value.numpy()
            array.flush()

    def finish(self, n_epochs: int) -> None:
        """Mark the cache as whole, with its checksums."""
        sums = {path.name: sha256_of(path) for path in sorted(self.folder.glob("*.npy"))}
        write_json(self.folder / ABOUT, {"epochs": n_epochs, "sha256": sums})

    def _path(self, kind: str) -> Path:
        return self.folder / f"{kind}.npy"


class CachedLatents(Dataset):
    """Training samples with their latents; epoch e is epoch e modulo the cached ones.

    Args:
        folder: of a finished cache.
        names: of the training pictures.

    Raises:
        ValueError: a file is not as it was written.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = folder, names
        about = read_json(folder / ABOUT)
        self.n_epochs = int(about["epochs"])
        for name, checksum in about["sha256"].items():
            if sha256_of(folder / name) != checksum:
                raise ValueError(f"{folder / name}: not as it was written; delete {folder} to make it again")
        self.kinds = [Path(name).stem for name in about["sha256"]]

    def __getstate__(self) -> dict[str, object]:
        """Without the mapped arrays: each worker maps them itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_arrays"}

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {
            kind: np.load(self.folder / f"{kind}.npy", mmap_mode="r", allow_pickle=False)
            for kind in self.kinds
        }

    def __getitem__(self, key: SampleKey) -> Batch:
        epoch, index = key
        row = (epoch % self.n_epochs) * len(self.names) + index
        found = {kind: array[row] for kind, array in self._arrays.items()}
        height, width = found["image"].shape[-2:]
        bits = np.unpackbits(found["mask"], count=height * width)
        latents = {kind: torch.from_numpy(found[kind].copy()) for kind in LATENTS if kind in found}
        return Batch(
            torch.from_numpy(found["image"].copy()).float() / 255,
            torch.from_numpy(bits).view(1, height, width).float(),
            self.names[int(found["name"])],  # type: ignore[arg-type]
            latents={kind: latent.float() for kind, latent in latents.items()},
        )
