"""The order of training samples: endless, shuffled per epoch, resumable at any picture."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from latent_inpaint.data.seeding import Stream, generator_for

SampleKey = tuple[int, int]


class EndlessBatches:
    """Batches of (epoch, index) keys; picture number i of the run is position i mod n of epoch i // n.

    With several processes each step takes `world_size · batch_size` consecutive pictures, of which every
    process has its own `batch_size`. It has no length.

    Args:
        n_pictures: pictures per epoch.
        batch_size: pictures per batch and process.
        seed: of the order; each epoch has its own permutation.
        images_seen: called at the start of an iteration, gives the number of pictures that all processes
            together have used so far.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        n_pictures: int,
        batch_size: int,
        seed: int,
        images_seen: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if n_pictures < 1 or batch_size < 1:
            raise ValueError(f"n_pictures, batch_size: expected at least 1, got {n_pictures}, {batch_size}")
        self.n_pictures = n_pictures
        self.batch_size = batch_size
        self.seed = seed
        self.images_seen = images_seen
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[list[SampleKey]]:
        first = self.images_seen() + self.rank * self.batch_size
        while True:
            yield [self.key(number) for number in range(first, first + self.batch_size)]
            first += self.world_size * self.batch_size

    def key(self, number: int) -> SampleKey:
        """Epoch and index of the run's picture `number`."""
        epoch, position = divmod(number, self.n_pictures)
        return epoch, int(_order(self.seed, epoch, self.n_pictures)[position])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n_pictures: int) -> np.ndarray:
    return generator_for(Stream.ORDER, seed, epoch).permutation(n_pictures)
