"""The Lightning data module: endless resumable training batches, fixed validation batches."""

import hashlib
import logging
from functools import cached_property
from typing import Any

from torch.utils.data import Subset

from latent_inpaint.data.datasets import PictureReader, TrainDataset, Transform, ValDataset
from latent_inpaint.data.latent_cache import CachedLatents
from latent_inpaint.data.layouts import Layout, Splits
from latent_inpaint.data.listing import Listing, existing_folder, read_file_list
from latent_inpaint.data.loaders import EndlessLoader, ReadableBatches, process, torch_loader
from latent_inpaint.data.mask_sources import MaskSource, as_mask_source
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.data.resumable import ResumableDataModule
from latent_inpaint.data.sampler import EndlessBatches
from latent_inpaint.data.training_masks import PictureMasks
from latent_inpaint.files import fingerprint

log = logging.getLogger(__name__)


class InpaintingDataModule(ResumableDataModule):
    """Crops of pictures with hole masks.

    Training: an endless loader without a length that starts at picture `images_seen`; a sample depends on
    (seed, epoch, index) only. Validation: fixed crops with one fixed mask each. Several processes get
    disjoint parts of both.

    Args:
        layout: finds the pictures.
        train_transform: augmentation, uint8 `[H, W, 3]` and a generator to uint8 `[size, size, 3]`.
        train_masks: generator of the training masks, or masks that depend on the picture.
        val_masks: generator of the validation masks, seeded by (seed, index), or a source of masks.
        root: the data folder; null for data that have none.
        size: side of the crops in pixels.
        batch_size: pictures per batch and process.
        num_workers: processes that prepare batches; 0 prepares them in the main process.
        seed: of order, augmentation and masks.
        subset: number of validation pictures, chosen by the hash of their names; null for all.
        train_subset: number of training pictures, likewise.
        val_list: text file with the validation pictures, paths relative to `root`; null for the layout's.
        train_list: text file with the training pictures, likewise.
        val_short_side: validation pictures are first resized to this short side; null crops them as they are.
        short_side_limit: pictures with a short side above this many crop sizes are reduced to it when they
            are read; null reads all in full.
        cache_mb: decoded training pictures kept in memory, per worker.
        augment_on_device: whole batches are augmented on the device, see `ResumableDataModule`.
        cache_latents: epochs of training samples whose latents are computed once and kept in a cache on the
            disk; later epochs are these again. Null: samples are always new.

    Attributes:
        cached: the samples of the cache, set by the training.
    """

    def __init__(
        self,
        layout: Layout,
        train_transform: Transform,
        train_masks: MaskGenerator | PictureMasks,
        val_masks: MaskGenerator | MaskSource,
        root: str | None = None,
        size: int = 128,
        batch_size: int = 16,
        num_workers: int = 1,
        seed: int = 0,
        subset: int | None = None,
        train_subset: int | None = None,
        val_list: str | None = None,
        train_list: str | None = None,
        val_short_side: int | None = None,
        short_side_limit: float | None = 4.0,
        cache_mb: float = 256.0,
        augment_on_device: bool = False,
        cache_latents: int | None = None,
    ) -> None:
        super().__init__(train_transform, seed, augment_on_device)
        _check_whole(size=(size, 1), batch_size=(batch_size, 1), num_workers=(num_workers, 0), seed=(seed, 0))
        if short_side_limit is not None and short_side_limit < 1:
            raise ValueError(f"short_side_limit: expected null or at least 1, got {short_side_limit}")
        if augment_on_device and isinstance(train_masks, PictureMasks):
            raise ValueError("augment_on_device: masks that belong to pictures are augmented by the workers")
        if cache_latents is not None:
            _check_whole(cache_latents=(cache_latents, 1))
            if augment_on_device or isinstance(train_masks, PictureMasks):
                raise ValueError("cache_latents: not with augment_on_device, nor with masks of pictures' own")
        self.cache_latents = cache_latents
        self.cached: CachedLatents | None = None
        self.layout = layout
        self.train_masks = train_masks
        self.val_masks = as_mask_source(val_masks, seed)
        self.root = root
        self.size = size
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.subset = subset
        self.train_subset = train_subset
        self.val_list = val_list
        self.train_list = train_list
        self.val_short_side = val_short_side
        self.max_short_side = None if short_side_limit is None else round(short_side_limit * size)
        self.cache_mb = cache_mb
        self._only_evaluates = False

    @cached_property
    def splits(self) -> Splits:
        """The pictures, after file lists and subsets; what a list names for one side is not on the other."""
        found = self.layout.splits(self.root)
        train, val, told = found.train, found.val, found.description
        if found.whole is not None and self._only_evaluates:
            train, val = found.whole.select([]), found.whole
            told = f"one tree, all {len(val)} pictures, those too that a training on it would have seen"
        if self.train_list is not None:
            train = _listed(self.train_list, self.root, found.train)
            val = val.without(train)
        if self.val_list is not None:
            val = _listed(self.val_list, self.root, found.val)
            train = _without_listed(found.whole or train, val, self.train_list)
            told = f"{told.partition(',')[0]}, val_list validates and does not train"
        train, val = train.subset(self.train_subset), val.subset(self.subset)
        log.info("data: %s: %d training, %d validation pictures", told, len(train), len(val))
        return Splits(train, val, found.anchors, told)

    @cached_property
    def _train_reader(self) -> PictureReader:
        return PictureReader(self.splits.train, self.max_short_side, self.cache_mb)

    @cached_property
    def _val_reader(self) -> PictureReader:
        return PictureReader(self.splits.val)

    def setup(self, stage: str | None = None) -> None:
        """Lists the pictures, so that a missing or empty folder is reported before anything else starts.

        Args:
            stage: `test` is an evaluation, which measures all pictures of a folder without a split.
        """
        if stage == "test" and not self._only_evaluates:
            self._only_evaluates = True
            self.__dict__.pop("splits", None)
        _ = self.splits

    def train_dataset(self) -> TrainDataset:
        """Samples by (epoch, index)."""
        if not len(self.splits.train):
            raise ValueError(f"no training pictures in {self.splits.train.root} ({self.splits.description})")
        return TrainDataset(self._train_reader, self.worker_transform, self.train_masks, self.seed)

    def val_dataset(self) -> ValDataset:
        """Fixed samples by index."""
        if not len(self.splits.val):
            raise ValueError(f"no validation pictures in {self.splits.val.root} ({self.splits.description})")
        self.val_masks.prepare(self.splits.val.names)
        short_sides = self.val_short_side, self.max_short_side
        return ValDataset(self._val_reader, self.val_masks, self.size, *short_sides, self.splits.anchors)

    def train_dataloader(self) -> EndlessLoader:
        """An endless loader of `Batch`, from picture `images_seen` on."""
        dataset = self.cached or self.train_dataset()
        n_pictures, seen = len(self.splits.train), lambda: self.images_seen
        order = EndlessBatches(n_pictures, self.batch_size, self.seed, seen, *process())
        return EndlessLoader(torch_loader(dataset, self.num_workers, batch_sampler=order))

    def val_dataloader(self) -> ReadableBatches:
        """Every validation sample of this process once, in order."""
        rank, world_size = process()
        dataset = self.val_dataset()
        part = Subset(dataset, range(rank, len(dataset), world_size))
        loader = torch_loader(part, self.num_workers, batch_size=self.batch_size)
        return ReadableBatches(loader, f"{len(self.splits.val)} pictures in {self.splits.val.root}")

    def fingerprint(self) -> str:
        """SHA-256 of what determines the training pictures: files, size, augmentation, seed, batch size."""
        facts = {
            "files": self.splits.train.hash(),
            "size": self.size,
            "max_short_side": self.max_short_side,
            **self.transform_facts(),
            "seed": self.seed,
            "batch_size": self.batch_size,
        }
        return fingerprint(facts)

    def samples_fingerprint(self) -> str:
        """SHA-256 of what determines the training samples, masks included."""
        return fingerprint({"pictures": self.fingerprint(), "masks": repr(self.train_masks)})

    def val_file_list_hash(self) -> str:
        """SHA-256 of the validation pictures' relative names and file sizes, and of how they are cut."""
        cut = f"{self.val_short_side} {self.max_short_side} {tuple(self.splits.anchors)}"
        return hashlib.sha256(f"{self.splits.val.hash()} {cut}".encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Counts of pictures and the files that could not be read so far, by name."""
        return {
            "description": self.splits.description,
            "train_pictures": len(self.splits.train),
            "val_pictures": len(self.splits.val),
            "val_crops": len(self.splits.val) * len(self.splits.anchors),
            "train_unreadable": self._train_reader.unreadable(),
            "val_unreadable": self._val_reader.unreadable(),
        }


def _listed(file_list: str | None, root: str | None, found: Listing) -> Listing:
    """The pictures of a file list, relative to the split's folder or else to `root`; without one, `found`."""
    if file_list is None:
        return found
    return read_file_list(file_list, found.root, *([] if root is None else [existing_folder(root)]))


def _without_listed(train: Listing, val: Listing, train_list: str | None) -> Listing:
    kept = train.without(val)
    if train_list is not None and len(kept) < len(train):
        n_both = len(train) - len(kept)
        raise ValueError(f"train_list, val_list: {n_both} pictures are in both lists")
    return kept


def _check_whole(**least: tuple[Any, int]) -> None:
    for name, (value, lowest) in least.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
            raise ValueError(f"{name}: expected {lowest} or more, a whole number, got {value!r}")
