"""The three masks of the context encoder (Pathak et al., 2016, section 4.1 and figure 3)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

REFERENCE = 128
"""Side of the pictures of the released code."""


@dataclass(frozen=True)
class CentreMasks:
    """The square in the middle: half of the side, a quarter of the picture.

    Args:
        size: side of the mask in pixels.

    Example:
        >>> float(CentreMasks(64)(np.random.default_rng(0)).mean())
        0.25
    """

    size: int

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """The mask: bool `[size, size]`, True = hole; nothing is drawn."""
        mask = np.zeros((self.size, self.size), bool)
        mask[self.size // 4 : self.size - self.size // 4, self.size // 4 : self.size - self.size // 4] = True
        return mask


@dataclass(frozen=True)
class BlockMasks:
    """Small squares at random places, which may overlap, until up to a quarter of the picture is covered.

    Args:
        size: side of the mask in pixels.
        side: of a block, as a share of the picture's.
        share: of the picture that is covered at most.

    Example:
        >>> mask = BlockMasks(64)(np.random.default_rng(0))
        >>> bool(0.15 < mask.mean() <= 0.25)
        True
    """

    size: int
    side: float = 1 / 8
    share: float = 0.25

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        side, mask = max(1, round(self.side * self.size)), np.zeros((self.size, self.size), bool)
        while True:
            top, left = rng.integers(self.size - side, size=2, endpoint=True)
            more = mask.copy()
            more[top : top + side, left : left + side] = True
            if more.mean() > self.share:
                return mask if mask.any() else more
            mask = more


@dataclass(frozen=True)
class RegionMasks:
    """Shapes without corners: smooth noise below a threshold, drawn again until 20 to 30 % are hole.

    Args:
        size: side of the mask in pixels.
        resolution: points of noise a pixel of a picture of 128².
        threshold: of noise in [0, 1].
        shares: of the picture that may be covered.

    Example:
        >>> mask = RegionMasks(64)(np.random.default_rng(0))
        >>> bool(0.2 <= mask.mean() <= 0.3)
        True
    """

    size: int
    resolution: float = 0.06
    threshold: float = 0.25
    shares: tuple[float, float] = (0.2, 0.3)

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask: bool `[size, size]`, True = hole."""
        points = round(self.resolution * REFERENCE) + 3  # beyond the picture, so that it may begin anywhere
        cell = self.size / (self.resolution * REFERENCE)
        whole = round(points * cell)
        while True:
            noise = rng.random((points, points), dtype=np.float32)
            smooth = cv2.resize(noise, (whole, whole), interpolation=cv2.INTER_CUBIC)
            top, left = rng.integers(whole - self.size, size=2, endpoint=True)
            mask = smooth[top : top + self.size, left : left + self.size] < self.threshold
            if self.shares[0] <= mask.mean() <= self.shares[1]:
                return mask
