"""What the data modules share: loaders that Lightning leaves as they are, and the split among processes."""

import atexit
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from weakref import WeakSet

import cv2
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from latent_inpaint.data import Batch
from latent_inpaint.data.datasets import collate

_loaders: WeakSet[DataLoader] = WeakSet()


def process() -> tuple[int, int]:
    """Rank of this process and number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def torch_loader(
    dataset: Dataset, num_workers: int, batch_size: int = 1, batch_sampler: Iterable[list] | None = None
) -> DataLoader:
    """A `DataLoader` of `Batch` with this package's defaults.

    Args:
        dataset: the samples.
        num_workers: processes that prepare batches.
        batch_size: samples per batch, in the data set's order; 1 with a batch sampler.
        batch_sampler: gives the keys of each batch instead.
    """
    atexit.unregister(_end_workers)
    atexit.register(_end_workers)
    loader = DataLoader(
        dataset,
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=num_workers > 0,
        worker_init_fn=_begin_worker,
        batch_size=batch_size,
        batch_sampler=batch_sampler,  # type: ignore[arg-type]
    )
    _loaders.add(loader)
    return loader


def end_workers() -> None:
    """End the processes of all loaders; they start again where one is used again.

    Left to the garbage collector, which takes a loader apart in any order, a worker may never hear of its end
    and is waited for, twice five seconds each.
    """
    for loader in list(_loaders):
        iterator, loader._iterator = loader._iterator, None
        if iterator is not None:
            iterator._shutdown_workers()  # type: ignore[attr-defined]


class EndlessLoader:
    """Training batches without a length; no `DataLoader`, so that Lightning inserts no sampler of its own."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.loader)


class ReadableBatches:
    """Validation batches, without those of which no picture could be read; an error when none is left.

    Args:
        loader: gives batches, or None for a batch without a readable picture.
        source: how many pictures of which folder, for the error.
    """

    def __init__(self, loader: DataLoader, source: str) -> None:
        self.loader = loader
        self.source = source

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        empty = len(self.loader) > 0
        try:
            for batch in self.loader:
                if batch is not None:
                    empty = False
                    yield batch
        except (ValueError, OSError) as error:
            if "Original Traceback" not in str(error):
                raise
            # torch puts a worker's traceback into the message, whose last line says all
            message = str(error).rstrip().rpartition("\n")[2].partition(": ")[2]
            raise ValueError(message) from error
        if empty:
            raise RuntimeError(f"none of the {self.source} can be read")


def _end_workers() -> None:
    """End those that are left when the program ends by an error: it would wait for them, deaf as they are."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would complain
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()


def _begin_worker(worker: int) -> None:
    """One thread, and deaf to the first SIGTERM: sent to the whole process group, it is for the training to
    finish its step. The next one is the training's, which ends its workers by it.
    """
    cv2.setNumThreads(0)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
