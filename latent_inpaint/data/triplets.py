"""Triplets for object removal: a picture, the mask of what is to go, and the picture as it should be."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.datamodule import InpaintingDataModule
from latent_inpaint.data.datasets import Targets, TrainDataset, Transform, ValDataset
from latent_inpaint.data.layouts import FolderLayout, Splits
from latent_inpaint.data.listing import Listing, existing_folder, list_pictures
from latent_inpaint.data.mask_folders import FolderMasks
from latent_inpaint.data.mask_sources import MaskSource
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.data.training_masks import Drawn, PictureMasks
from latent_inpaint.files import fingerprint
from latent_inpaint.folders import find_files, pair
from latent_inpaint.pictures.opening import ENDINGS

log = logging.getLogger(__name__)

PARTS = ("source", "mask", "target")


@dataclass
class TripletLayout:
    """Finds triplets: folders `source`, `mask` and `target` with equal names, or a list of them.

    With `train/` and `val/` in the data folder these hold the three folders each; else the hash of the
    source's name decides, as with `FolderLayout`. A list (JSON: objects; CSV, Parquet: columns) has `source`,
    `mask` and `target`, paths relative to the data folder, and `split` (train, val) if it likes.

    Args:
        file: the list, relative to the data folder; None for folders.
        val_fraction: as in `FolderLayout`.
    """

    file: str | None = None
    val_fraction: float | None = None
    masks: dict[str, Path] = field(default_factory=dict, init=False)
    targets: dict[str, Path] = field(default_factory=dict, init=False)

    def splits(self, root: str | None) -> Splits:
        """Lists the sources below `root`.

        Raises:
            FileNotFoundError: a file or a folder that is not there.
            ValueError: no root, or a list without triplets.
        """
        if root is None:
            raise ValueError("data.root: expected a folder with triplets, got null; give data.root=DIR")
        folder = existing_folder(root)
        by_hash = FolderLayout(self.val_fraction).by_hash
        if self.file is not None:
            rows = _rows(folder / self.file)
            listed = self._listed(folder, rows)
            told = {row["source"]: str(row.get("split") or "") for row in rows}
            if not any(told.values()):
                return by_hash(listed)
            sides = [[i for i, n in enumerate(listed.names) if told[n] == side] for side in ("train", "val")]
            return Splits(listed.select(sides[0]), listed.select(sides[1]), description=self.file)
        if (folder / "val").is_dir():
            has_train = (folder / "train").is_dir()
            val = self._in(folder, "val/")
            train = self._in(folder, "train/") if has_train else val.select([])
            return Splits(train, val, description="train/ and val/" if has_train else "val/ alone")
        return by_hash(self._in(folder, ""))

    def _in(self, root: Path, prefix: str) -> Listing:
        folders = {part: root / f"{prefix}{part}" for part in PARTS}
        for folder in folders.values():
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"data.root: expected folders {', '.join(PARTS)}, there is no {folder}"
                )
        sources = list_pictures(folders["source"])
        for part, found in (("mask", self.masks), ("target", self.targets)):
            files = list(find_files(folders[part], ENDINGS).sizes)
            paired = pair(sources.names, files)
            _complain([name for name, own in paired.items() if len(own) != 1], f"one {part}", folders[part])
            unused = len(files) - len(paired)
            if unused:
                log.warning("data: %s: %d files belong to no source, left out", folders[part], unused)
            found |= {f"{prefix}source/{name}": folders[part] / own[0] for name, own in paired.items()}
        return Listing(root, [f"{prefix}source/{name}" for name in sources.names], sources.sizes)

    def _listed(self, root: Path, rows: Sequence[dict[str, Any]]) -> Listing:
        if not rows or any(not row.get(part) for row in rows for part in PARTS):
            raise ValueError(f"data.layout.file={self.file}: expected rows with {', '.join(PARTS)}")
        missing = [str(row[part]) for row in rows for part in PARTS if not (root / str(row[part])).is_file()]
        if missing:
            raise FileNotFoundError(
                f"data.layout.file={self.file}: {len(missing)} files are not in {root}, first {missing[0]}"
            )
        self.masks |= {row["source"]: root / row["mask"] for row in rows}
        self.targets |= {row["source"]: root / row["target"] for row in rows}
        names = sorted(row["source"] for row in rows)
        return Listing(
            root, names, np.array([(root / name).stat().st_size for name in names], dtype=np.int64)
        )


class TripletMasks(MaskSource, PictureMasks):
    """The triplets' own masks, in training with their pictures.

    Args:
        layout: knows the files.
        files: reads them.
    """

    def __init__(self, layout: TripletLayout, files: FolderMasks) -> None:
        self.layout, self.files = layout, files

    def draw(self, name: str, rng: np.random.Generator) -> Drawn:
        """The picture's mask; nothing is drawn."""
        return Drawn(self.files.read(self.layout.masks[name]), True)

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`."""
        return crop.mask(self.files.read(self.layout.masks[name]))

    def prepare(self, pictures: Sequence[str] = ()) -> None:
        """The layout has found all masks."""

    def card(self) -> dict[str, Any]:
        """Where masks come from, and how they are read."""
        return self.files.card() | {"masks": "of the triplets"}


class TripletDataModule(InpaintingDataModule):
    """Triplets: losses, validation and evaluation compare with the target, inside the mask and outside.

    Args:
        layout: finds them.
        train_transform: augmentation; source, mask and target go through it together.
        train_masks: generator for crops that the triplet's own mask does not reach.
        root: the data folder.
        threshold: of the masks, a grey value, of 255.
        hole_is_bright: True when what is set is the hole, False when the rest is.
        composites: put fills into the source, whose pixels outside the mask are kept; False (the default)
            takes the whole prediction, so that shadows outside go, too.
        size: side of the crops in pixels.
        batch_size: pictures per batch and process.
        num_workers: processes that prepare batches.
        seed: of order and augmentation.
        subset: number of validation triplets; null for all.
        train_subset: number of training triplets, likewise.
        val_short_side: validation pictures are first resized to this short side; null crops them as they are.
        short_side_limit: see `InpaintingDataModule`.
        cache_mb: decoded training sources kept in memory, per worker.
    """

    def __init__(
        self,
        layout: TripletLayout,
        train_transform: Transform,
        train_masks: MaskGenerator,
        root: str | None = None,
        threshold: int = 128,
        hole_is_bright: bool = True,
        composites: bool = False,
        size: int = 128,
        batch_size: int = 16,
        num_workers: int = 1,
        seed: int = 0,
        subset: int | None = None,
        train_subset: int | None = None,
        val_short_side: int | None = None,
        short_side_limit: float | None = 4.0,
        cache_mb: float = 256.0,
    ) -> None:
        if root is None:
            raise ValueError("data.root: expected a folder with triplets, got null; give data.root=DIR")
        if isinstance(train_masks, PictureMasks):
            raise ValueError("train_masks: triplets have masks of their own; expected a preset or a folder")
        masks = TripletMasks(layout, FolderMasks(str(existing_folder(root)), threshold, hole_is_bright))
        super().__init__(
            layout, train_transform, masks, masks, root, size, batch_size, num_workers, seed, subset,
            train_subset, val_short_side=val_short_side, short_side_limit=short_side_limit, cache_mb=cache_mb,
        )  # fmt: skip
        self._files, self.composites, self._otherwise = layout, composites, train_masks

    @cached_property
    def _targets(self) -> Targets:
        return Targets(self._files.targets, self.composites)

    def train_dataset(self) -> TrainDataset:
        """See `InpaintingDataModule`; samples have a target."""
        dataset = super().train_dataset()
        dataset.targets, dataset.otherwise = self._targets, self._otherwise
        return dataset

    def val_dataset(self) -> ValDataset:
        """See `InpaintingDataModule`; samples have a target."""
        dataset = super().val_dataset()
        dataset.targets = self._targets
        return dataset

    def val_file_list_hash(self) -> str:
        """SHA-256 of the sources, of the masks' and the targets' file sizes, and of how they are cut."""
        files = [(self._files.masks[name], self._files.targets[name]) for name in self.splits.val.names]
        sizes = [[path.stat().st_size for path in paths] for paths in files]
        return fingerprint([super().val_file_list_hash(), sizes, self.composites])


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"data.layout.file: {path} does not exist")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise ImportError(f"data.layout.file={path}: a list in Parquet needs pyarrow") from error
        return parquet.read_table(path).to_pylist()
    text = path.read_text(encoding="utf-8-sig")
    try:
        rows = json.loads(text) if path.suffix == ".json" else list(csv.DictReader(text.splitlines()))
    except ValueError as error:
        raise ValueError(f"data.layout.file={path}: not a JSON list ({error})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"data.layout.file={path}: expected a list of objects")
    return rows


def _complain(names: Sequence[str], what: str, folder: Path) -> None:
    if names:
        raise FileNotFoundError(
            f"data.root: {len(names)} sources have not {what} in {folder}, the first is {names[0]}"
        )
