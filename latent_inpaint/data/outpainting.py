"""Holes along the border, for outpainting."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OutpaintingMasks:
    """Strips along the sides of the picture, as LaMa's outpainting generator draws them.

    Every side is covered with probability `probability`, one side at least; each strip has a width of its
    own between `min_fraction` and `max_fraction` of the side.

    Args:
        size: side of the mask in pixels.
        min_fraction: narrowest strip.
        max_fraction: widest strip.
        probability: of each side.

    Example:
        >>> mask = OutpaintingMasks(64, probability=1.0)(np.random.default_rng(0))
        >>> bool(mask[0].all()), bool(mask[32, 32])  # a whole side is missing, the middle is there
        (True, False)
    """

    size: int
    min_fraction: float = 0.04
    max_fraction: float = 0.25
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_fraction <= self.max_fraction < 0.5:
            limits = f"{self.min_fraction} and {self.max_fraction}"
            raise ValueError(f"min_fraction, max_fraction: expected 0 < min ≤ max < 0.5, got {limits}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability: expected a number from 0 to 1, got {self.probability}")

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        mask = np.zeros((self.size, self.size), bool)
        fractions = rng.uniform(self.min_fraction, self.max_fraction, 4)
        top, bottom, left, right = np.maximum(1, np.rint(fractions * self.size)).astype(int).tolist()
        every = slice(None)
        covered = rng.random(4) < self.probability
        covered[rng.integers(4)] |= not covered.any()
        across = ((slice(top), every), (slice(-bottom, None), every))
        upright = ((every, slice(left)), (every, slice(-right, None)))
        for (rows, columns), chosen in zip(across + upright, covered):
            if chosen:
                mask[rows, columns] = True
        return mask
