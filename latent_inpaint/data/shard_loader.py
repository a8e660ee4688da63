"""Endless batches from a stream that ends with every epoch."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice

import torch
from torch.utils.data import DataLoader

from latent_inpaint.data import Batch
from latent_inpaint.data.shard_streams import TrainShards

log = logging.getLogger(__name__)


class ShardLoader:
    """Endless training batches; every epoch has the same number of full batches in every process.

    It starts with the epoch that `images_seen` lies in: a run is resumed at an epoch's border.

    Args:
        loader: one epoch of batches per iteration, the last of each worker perhaps smaller.
        samples: the loader's data set.
        batch_size: pictures per batch and process.
        batches_per_epoch: of each process.
        images_seen: gives the number of pictures that all processes together have used so far.
    """

    def __init__(
        self,
        loader: DataLoader,
        samples: TrainShards,
        batch_size: int,
        batches_per_epoch: int,
        images_seen: Callable[[], int],
    ) -> None:
        self.loader = loader
        self.samples = samples
        self.batch_size = batch_size
        self.batches_per_epoch = batches_per_epoch
        self.images_seen = images_seen

    def __iter__(self) -> Iterator[Batch]:
        pictures = self.batches_per_epoch * self.batch_size * self.samples.world_size
        first, again = divmod(self.images_seen(), pictures)
        if again:
            log.warning("resumed at the start of epoch %d: %d pictures of it are seen again", first, again)
        for epoch in count(first):
            self.samples.set_epoch(epoch)
            empty = True
            for batch in islice(_full(self.loader, self.batch_size), self.batches_per_epoch):
                empty = False
                yield batch
            if empty:
                raise RuntimeError(f"the shards of epoch {epoch} gave no full batch of readable pictures")


def _full(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Joins the smaller batches at the workers' ends to full ones; what remains is dropped."""
    rest: Batch | None = None
    for batch in batches:
        if len(batch.name) == size:
            yield batch
            continue
        rest = batch if rest is None else _joined(rest, batch)
        if len(rest.name) >= size:
            yield Batch(rest.image[:size], rest.mask[:size], rest.name[:size])
            rest = Batch(rest.image[size:], rest.mask[size:], rest.name[size:])


def _joined(one: Batch, other: Batch) -> Batch:
    image, mask = torch.cat([one.image, other.image]), torch.cat([one.mask, other.mask])
    return Batch(image, mask, one.name + other.name)
