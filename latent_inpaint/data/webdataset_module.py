"""The data module for WebDataset shards: like `InpaintingDataModule`, but streamed."""

import hashlib
from functools import cached_property
from typing import Any

from latent_inpaint.data.datasets import Transform
from latent_inpaint.data.loaders import ReadableBatches, process, torch_loader
from latent_inpaint.data.mask_sources import MaskSource, as_mask_source
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.data.resumable import ResumableDataModule
from latent_inpaint.data.shard_index import Shard, find_shards, shards_hash
from latent_inpaint.data.shard_loader import ShardLoader
from latent_inpaint.data.shard_streams import ShardReader, TrainShards, ValShards
from latent_inpaint.data.training_masks import PictureMasks
from latent_inpaint.files import fingerprint


class ShardDataModule(ResumableDataModule):
    """Crops of pictures from shards, with hole masks.

    Training: an endless loader without a length. Shards are divided among processes and workers, so there
    must be at least one per process. A run is resumed at the border of an epoch. Validation: every picture
    of the validation shards once, in their order.

    Args:
        shards: training shards: a folder, a path with `*`, or paths or addresses with braces (`find_shards`).
        val_shards: validation shards, likewise.
        train_transform: augmentation, uint8 `[H, W, 3]` and a generator to uint8 `[size, size, 3]`.
        train_masks: generator of the training masks.
        val_masks: generator of the validation masks, seeded by (seed, index), or a source of masks.
        size: side of the crops in pixels.
        batch_size: pictures per batch and process.
        num_workers: processes that read training shards; validation uses one of them at most.
        seed: of order, augmentation and masks.
        subset: number of validation pictures, the first of the shards; null for all.
        val_short_side: validation pictures are first resized to this short side; null crops them as they are.
        short_side_limit: pictures with a short side above this many crop sizes are reduced to it; null never.
        shuffle_buffer: encoded pictures that each worker holds to shuffle among.
        augment_on_device: whole batches are augmented on the device, see `ResumableDataModule`.
    """

    def __init__(
        self,
        shards: str,
        val_shards: str,
        train_transform: Transform,
        train_masks: MaskGenerator,
        val_masks: MaskGenerator | MaskSource,
        size: int = 128,
        batch_size: int = 16,
        num_workers: int = 1,
        seed: int = 0,
        subset: int | None = None,
        val_short_side: int | None = None,
        short_side_limit: float | None = 4.0,
        shuffle_buffer: int = 1000,
        augment_on_device: bool = False,
    ) -> None:
        super().__init__(train_transform, seed, augment_on_device)
        if num_workers < 0 or shuffle_buffer < 1:
            given = f"{num_workers} and {shuffle_buffer}"
            raise ValueError(f"num_workers, shuffle_buffer: expected at least 0 and 1, got {given}")
        if subset is not None and subset < 1:
            raise ValueError(f"subset: expected at least 1 picture, got {subset}")
        if isinstance(train_masks, PictureMasks):
            raise ValueError("train_masks: masks that depend on the picture need data=folder, not shards")
        self.shards = shards
        self.val_shards = val_shards
        self.train_masks = train_masks
        self.val_masks = as_mask_source(val_masks, seed)
        self.size = size
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.subset = subset
        self.val_short_side = val_short_side
        self.max_short_side = None if short_side_limit is None else round(short_side_limit * size)
        self.shuffle_buffer = shuffle_buffer

    @cached_property
    def _train_reader(self) -> ShardReader:
        return ShardReader(find_shards(self.shards), self.max_short_side)

    @cached_property
    def _val_reader(self) -> ShardReader:
        return ShardReader(find_shards(self.val_shards))

    def setup(self, stage: str | None = None) -> None:
        """Finds the shards, so that missing ones are reported before anything else starts."""
        train, val = (
            {shard.url for shard in reader.shards} for reader in (self._train_reader, self._val_reader)
        )
        if stage != "test" and train & val:
            raise ValueError(
                f"shards, val_shards: {len(train & val)} are in both, such as {min(train & val)}"
            )

    def train_dataloader(self) -> ShardLoader:
        """An endless loader of `Batch`, from the epoch on that `images_seen` lies in."""
        reader, (rank, world_size) = self._train_reader, process()
        batches = batches_per_epoch(reader.shards, self.batch_size, world_size)
        samples = TrainShards(
            reader, self.worker_transform, self.train_masks, self.seed, self.shuffle_buffer, rank, world_size
        )
        loader = torch_loader(samples, self.num_workers, batch_size=self.batch_size)
        return ShardLoader(loader, samples, self.batch_size, batches, lambda: self.images_seen)

    def val_dataloader(self) -> ReadableBatches:
        """Every validation sample of this process once, in order."""
        self.val_masks.prepare()
        short_sides = self.val_short_side, self.max_short_side
        samples = ValShards(
            self._val_reader, self.val_masks, self.size, *short_sides, self.subset, *process()
        )
        loader = torch_loader(samples, min(self.num_workers, 1), batch_size=self.batch_size)
        return ReadableBatches(loader, f"{self._val_reader.pictures} pictures in {self.val_shards}")

    def fingerprint(self) -> str:
        """SHA-256 of what determines the training pictures: shards, size, augmentation, seed, batch size."""
        facts = {
            "shards": shards_hash(self._train_reader.shards),
            "size": self.size,
            "max_short_side": self.max_short_side,
            **self.transform_facts(),
            "seed": self.seed,
            "batch_size": self.batch_size,
            "shuffle_buffer": self.shuffle_buffer,
        }
        return fingerprint(facts)

    def val_file_list_hash(self) -> str:
        """SHA-256 of the validation shards' checksums, of `subset`, and of how the pictures are cut."""
        cut = f"{self.val_short_side} {self.max_short_side}"
        shards = shards_hash(self._val_reader.shards)
        return hashlib.sha256(f"{shards} {self.subset} {cut}".encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Counts of shards and pictures, and which could not be read so far, by shard and position."""
        available = self._val_reader.pictures
        val_pictures = available if self.subset is None else min(self.subset, available)
        return {
            "description": f"{len(self._train_reader.shards)} shards in {self.shards}",
            "train_pictures": self._train_reader.pictures,
            "val_pictures": val_pictures,
            "val_crops": val_pictures,
            "train_unreadable": self._train_reader.unreadable(),
            "val_unreadable": self._val_reader.unreadable(),
        }


def batches_per_epoch(shards: tuple[Shard, ...], batch_size: int, world_size: int = 1) -> int:
    """Full batches that every process gets in every epoch, whichever shards fall to it.

    Raises:
        ValueError: fewer shards than processes, or shards too small for a batch.
    """
    if len(shards) < world_size:
        raise ValueError(
            f"data.shards: expected at least one for each of {world_size} processes, got {len(shards)}"
        )
    smallest = sorted(shard.pictures for shard in shards)[: len(shards) // world_size]
    if sum(smallest) < batch_size:
        raise ValueError(
            f"data.batch_size: {batch_size} is more than the {sum(smallest)} pictures of a process"
        )
    return sum(smallest) // batch_size
