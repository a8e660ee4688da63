"""Methods that are not ours: pictures that another program has made, and exported networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.data.datasets import to_sample
from latent_inpaint.data.photos import EXTENSIONS, read_picture
from latent_inpaint.evaluation.methods import BlindMethod
from latent_inpaint.files import sha256_of
from latent_inpaint.folders import find_files, picture_stems
from latent_inpaint.models.geometry import check_shapes


class FolderResults:
    """Pictures in a folder, one for each evaluated crop and of its size; only their holes are looked at.

    The result of `class/1.jpg` is `class/1.png` (any ending), `class/1_mask….png` as LaMa's tools name it,
    or, where only one picture there has that name, `1.png` at any depth; of its second crop `class/1#1.png`.
    A picture without a result counts as failed. `latent-inpaint masks` writes crops and masks to be filled.

    Args:
        root: the folder.
        label: how the row is called; None is the folder's name.

    Raises:
        FileNotFoundError: there is no such folder, or no picture in it.
        ValueError: two files for one name.
    """

    by_name = True

    def __init__(self, root: str | None, label: str | None = None) -> None:
        if root is None:
            raise ValueError("methods=folder: give root=DIR, the folder with the pictures to be measured")
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise FileNotFoundError(f"methods=folder: root={root}: no such folder")
        self.name = self.label = label or self.root.resolve().name
        names = list(find_files(self.root, EXTENSIONS).sizes)
        if not names:
            raise FileNotFoundError(f"methods=folder: root={root}: no pictures ({', '.join(EXTENSIONS)})")
        self._files = _by_stem(names)
        short: dict[str, set[str]] = {}
        for stem, name in self._files.items():
            short.setdefault(PurePosixPath(stem).name, set()).add(name)
        self._short = {stem: found.pop() for stem, found in short.items() if len(found) == 1}

    def __call__(self, image: Tensor, mask: Tensor, names: Sequence[str]) -> Tensor:
        """The pictures of these names, `[B, 3, H, W]` in [0, 1].

        Raises:
            FileNotFoundError: one is not there.
            ValueError: one is of another size, or cannot be read.
        """
        check_shapes(image, mask)
        return torch.stack([self._picture(name, image.shape[-2:]) for name in names]).to(image)

    def _picture(self, name: str, size: torch.Size) -> Tensor:
        path, crop = name.rpartition("#")[::2] if "#" in name else (name, "")
        stem = str(PurePosixPath(path).with_suffix("")) + (f"#{crop}" if crop else "")
        file = self._files.get(stem) or self._short.get(PurePosixPath(stem).name)
        if file is None:
            raise FileNotFoundError(f"{self.root}: no picture for {name}")
        pixels = read_picture(self.root / file)
        if pixels.shape[:2] != tuple(size):
            (height, width), (rows, columns) = pixels.shape[:2], size
            raise ValueError(f"{self.root / file}: expected {columns}×{rows} pixels, got {width}×{height}")
        return to_sample(pixels, pixels[..., 0] > 0, name).image

    def card(self) -> dict[str, Any]:
        """Where the pictures are; their program is not known here."""
        return {"results": str(self.root), "files": len(set(self._files.values()))}


class Exported(BlindMethod):
    """A network in a file: ONNX, TorchScript or `torch.export`, as `latent-inpaint export` writes them.

    It takes `image` `[1, 3, H, W]` in [0, 1] and `mask` `[1, 1, H, W]`, 1 = hole, and gives the picture.

    Args:
        path: the file, `.onnx`, `.ts` or `.pt2`.
        multiple_of: sides are padded to multiples of this.
        scale: what white is in its output: 1, or 255.
        label: how the row is called; None is the file's name.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: a library for ONNX is missing.
    """

    def __init__(
        self, path: str | None, multiple_of: int = 8, scale: float = 1.0, label: str | None = None
    ) -> None:
        if path is None:
            raise ValueError("methods=onnx: give path=FILE, the exported network")
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise FileNotFoundError(f"methods=onnx: path={path}: no such file")
        from latent_inpaint.inference.export import open_exported

        super().__init__(label or self.path.stem)
        self.label = self.name
        self.multiple_of, self.scale = multiple_of, scale
        self._program = open_exported(self.path)

    @torch.inference_mode()
    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """Picture by picture, its borders repeated up to the next multiple."""
        height, width = mask.shape[-2:]
        padding = [0, -width % self.multiple_of, 0, -height % self.multiple_of]
        padded = functional.pad(masked_image, padding, "replicate").cpu(), functional.pad(mask, padding).cpu()
        filled = [self._program(*one) for one in zip(padded[0].split(1), padded[1].split(1))]
        return (torch.cat(filled)[..., :height, :width] / self.scale).clamp(0, 1).to(masked_image)

    def card(self) -> dict[str, Any]:
        """The file and its checksum."""
        return {"checkpoint": str(self.path), "checkpoint_sha256": sha256_of(self.path)}


def _by_stem(names: Sequence[str]) -> dict[str, str]:
    """Files by their path without ending, and by what is in front of `_mask…`."""
    files: dict[str, str] = {}
    stems = {name: str(PurePosixPath(name).with_suffix("")) for name in names}
    for name, stem in stems.items():
        if stem in files:
            raise ValueError(f"methods=folder: two pictures of one name, {files[stem]} and {name}")
        files[stem] = name
    for name, stem in stems.items():
        for shorter in picture_stems(stem):
            files.setdefault(shorter, name)
    return files
