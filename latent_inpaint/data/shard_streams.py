"""Streams of samples from WebDataset shards."""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import torch
import webdataset
from torch.utils.data import IterableDataset, get_worker_info

from latent_inpaint.data import Batch
from latent_inpaint.data.crops import Crop
from latent_inpaint.data.datasets import Transform, to_sample
from latent_inpaint.data.mask_sources import MaskSource, NoMaskError, hole_in
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.data.photos import EXTENSIONS, UnreadablePicture, read_picture
from latent_inpaint.data.seeding import Stream, generator_for
from latent_inpaint.data.shard_index import Shard

log = logging.getLogger(__name__)

Sample = dict[str, Any]
Stage = Callable[[Iterable[Sample]], Iterator[Sample]]


class ShardReader:
    """Reads the pictures of shards and remembers, across worker processes, which are unreadable.

    Args:
        shards: all shards of the data set.
        max_short_side: larger pictures are reduced to this short side (see `read_picture`).
    """

    def __init__(self, shards: Sequence[Shard], max_short_side: int | None = None) -> None:
        self.shards = tuple(shards)
        self.max_short_side = max_short_side
        self.pictures = sum(shard.pictures for shard in shards)
        self._unreadable = torch.zeros(self.pictures, dtype=torch.bool).share_memory_()

    def read(self, shards: Sequence[Shard], *stages: Stage) -> Iterator[tuple[int, str, np.ndarray]]:
        """Number, name and pixels of the readable pictures in `shards`; stages see the encoded samples."""
        pipeline = webdataset.DataPipeline(
            webdataset.SimpleShardList([shard.url for shard in shards]),
            webdataset.tarfile_to_samples(handler=_skip_part),
            partial(_numbered, {shard.url: shard for shard in shards}),
            *stages,
        )
        for sample in pipeline:
            picture = self._decoded(sample)
            if picture is not None:
                yield sample["__number__"], _name(sample), picture

    def _decoded(self, sample: Sample) -> np.ndarray | None:
        encoded = next((sample[end[1:]] for end in EXTENSIONS if end[1:] in sample), None)
        try:
            if encoded is None:
                raise UnreadablePicture("no JPEG, PNG or WebP in the sample")
            return read_picture(BytesIO(encoded), self.max_short_side)
        except UnreadablePicture as error:
            self.skip(sample["__number__"], _name(sample), error)
            return None

    def skip(self, number: int, name: str, reason: Exception) -> None:
        """Counts a picture as left out, with a warning the first time."""
        if not self._unreadable[number]:
            log.warning("skipped: %s: %s", name, reason)
        self._unreadable[number] = True

    def unreadable(self) -> list[str]:
        """Shard and position of the pictures that were left out so far."""
        numbers = torch.nonzero(self._unreadable).flatten().tolist()
        owners = [next(s for s in self.shards if n < s.first + s.pictures) for n in numbers]
        return [f"{shard.url}#{number - shard.first}" for shard, number in zip(owners, numbers)]


class TrainShards(IterableDataset):
    """Augmented crops with random masks, one epoch per iteration.

    The epoch's order of shards is a seeded permutation; process r of R takes every R-th from the r-th on, and
    worker w of W every W-th of those, so that no picture is read twice. Within a worker a buffer shuffles
    further. A sample depends on (seed, epoch, its number) only; the order also on the number of workers.

    Args:
        reader: all shards.
        transform: augmentation.
        masks: generator of the masks.
        seed: of order, augmentation and masks.
        shuffle_buffer: encoded pictures among which the next one is chosen.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        reader: ShardReader,
        transform: Transform,
        masks: MaskGenerator,
        seed: int,
        shuffle_buffer: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.reader = reader
        self.transform = transform
        self.masks = masks
        self.seed = seed
        self.shuffle_buffer = shuffle_buffer
        self.rank = rank
        self.world_size = world_size
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next iteration is, in this process and in running workers."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[Batch]:
        epoch, worker = int(self._epoch), get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        order = generator_for(Stream.ORDER, self.seed, epoch).permutation(len(self.reader.shards)).tolist()
        mine = [self.reader.shards[i] for i in order[self.rank :: self.world_size][number::workers]]
        rng = random.Random(f"{self.seed} {epoch} {self.rank} {number}")
        shuffle = webdataset.shuffle(self.shuffle_buffer, initial=self.shuffle_buffer, rng=rng)
        for index, name, picture in self.reader.read(mine, shuffle):
            image = self.transform(picture, generator_for(Stream.AUGMENTATION, self.seed, epoch, index))
            mask = self.masks(generator_for(Stream.MASK, self.seed, epoch, index))
            yield to_sample(image, mask, name)


class ValShards(IterableDataset):
    """The centre crops of the first pictures of the shards, in their order, with one fixed mask each.

    It is read by one worker at most: the order is the shards'. Process r of R gets every R-th sample.

    Args:
        reader: all shards.
        masks: gives sample `index` its mask.
        size: side of the crops.
        short_side: pictures are first resized to this short side; None keeps their size.
        max_short_side: without `short_side`, larger pictures are reduced to this short side.
        limit: how many pictures; None takes all.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        reader: ShardReader,
        masks: MaskSource,
        size: int,
        short_side: int | None = None,
        max_short_side: int | None = None,
        limit: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.reader = reader
        self.masks = masks
        self.size = size
        self.short_sides = short_side, max_short_side
        self.limit = reader.pictures if limit is None else min(limit, reader.pictures)
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return len(range(self.rank, self.limit, self.world_size))

    def __iter__(self) -> Iterator[Batch]:
        for index, name, picture in self.reader.read(self.reader.shards, self._of_this_process):
            short_side, max_short_side = self.short_sides
            shape = (picture.shape[0], picture.shape[1])
            crop = Crop.of(shape, self.size, short_side, max_short_side=max_short_side)
            try:
                mask = hole_in(self.masks, index, name, crop)
            except NoMaskError as error:
                self.reader.skip(index, name, error)
                continue
            yield to_sample(crop.image(picture), mask, name)

    def _of_this_process(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            if sample["__number__"] >= self.limit:
                return
            if sample["__number__"] % self.world_size == self.rank:
                yield sample


def _numbered(shards: dict[str, Shard], samples: Iterable[Sample]) -> Iterator[Sample]:
    """Gives every sample its number among all pictures of the data set."""
    seen: Counter[str] = Counter()
    for sample in samples:
        shard = shards[sample["__url__"]]
        position = seen[shard.url]
        if position >= shard.pictures:
            raise RuntimeError(f"{shard.url} holds more than the {shard.pictures} pictures of its index")
        seen[shard.url] += 1
        yield sample | {"__number__": shard.first + position}


def _name(sample: Sample) -> str:
    try:
        return str(json.loads(sample["json"])["name"])
    except (KeyError, TypeError, ValueError):
        return str(sample["__key__"])


def _skip_part(error: Exception) -> bool:
    log.warning("skipped a part of a shard: %s", error)
    return True
