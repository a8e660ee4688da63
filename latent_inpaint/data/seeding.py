"""Explicit randomness: a generator is a function of what is drawn, the seed, the epoch and the index."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What is drawn; keeps draws for the same sample independent of each other."""

    ORDER = 1
    AUGMENTATION = 2
    MASK = 3
    EVALUATION_MASK = 4
    DEVICE_AUGMENTATION = 5


def generator_for(stream: Stream, seed: int, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The generator for one draw, independent of the number of workers and of what was drawn before."""
    if seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed}")
    return np.random.default_rng((int(stream), seed, epoch, index))
