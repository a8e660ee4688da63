"""Masks of one's own for training: a folder of masks for any picture or by name, label maps, mixtures."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.mask_folders import FolderMasks, MaskNames, read_labels
from latent_inpaint.data.masks import MaskGenerator
from latent_inpaint.folders import find_files, pair
from latent_inpaint.pictures.opening import ENDINGS

log = logging.getLogger(__name__)

_TRIES = 20


class Drawn(NamedTuple):
    """A training mask.

    Attributes:
        hole: bool `[size, size]`, or `[H, W]` of the picture it belongs to; True = hole.
        belongs: whether it is cropped, flipped and warped with its picture.
    """

    hole: np.ndarray
    belongs: bool


class PictureMasks(ABC):
    """Training masks that depend on the picture."""

    @abstractmethod
    def draw(self, name: str, rng: np.random.Generator) -> Drawn:
        """A mask for the picture of this name."""

    def prepare(self, pictures: Sequence[str]) -> None:  # noqa: B027 - most have nothing to prepare
        """Does once, before workers start, what all masks need; `pictures` are the names of all."""


def drawn(masks: MaskGenerator | PictureMasks, name: str, rng: np.random.Generator) -> Drawn:
    """A mask of a generator, or of masks that depend on the picture."""
    return masks.draw(name, rng) if isinstance(masks, PictureMasks) else Drawn(masks(rng), False)


def fitted(hole: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A hole `[H, W]` in its picture's size; a reduced pixel is hole if a part of it is.

    Raises:
        ValueError: its sides have another ratio than the picture's.
    """
    (height, width), (rows, columns) = hole.shape, shape
    if (height, width) == (rows, columns):
        return hole
    if abs(height * columns - width * rows) > max(height + columns, width + rows):
        raise ValueError(
            f"train_masks: {name} is {columns}×{rows}, its mask {width}×{height} (width × height)"
        )
    if height < rows:
        return cv2.resize(hole.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) > 0
    return cv2.resize(hole.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA) > 0


class AnyFolderMasks:
    """Masks of a folder for any picture: one is drawn, cut to a square at random, flipped, and scaled.

    Args:
        root: folder with masks, at any depth.
        size: side of the masks in pixels.
        threshold: grey value, of 255; see `latent_inpaint.pictures.masks`.
        hole_is_bright: True when what is set is the hole, False when the rest is.

    Called with a `numpy.random.Generator`; returns a bool array `[size, size]`, True = hole.

    Raises:
        ValueError: no file there, or threshold out of range.
    """

    def __init__(self, root: str, size: int, threshold: int = 128, hole_is_bright: bool = True) -> None:
        self.masks = FolderMasks(root, threshold, hole_is_bright)
        self.size = size
        self.names = list(find_files(self.masks.root, ENDINGS).sizes)
        if not self.names:
            raise ValueError(f"train_masks.root: no masks in {root}: looked for {' '.join(ENDINGS)}")

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draws one mask.

        Raises:
            ValueError: 20 in a row had no hole in the square, or nothing else.
        """
        for _ in range(_TRIES):
            path = self.masks.root / self.names[rng.integers(len(self.names))]
            hole = self.masks.read(path)
            crop = Crop.of(hole.shape, self.size, self.size, (rng.random(), rng.random()))
            cut = crop.mask(hole)[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            if cut.any() and not cut.all():
                return cut
        raise ValueError(f"train_masks: {_TRIES} masks in a row were empty or whole, the last is {path}")


class NamedFolderMasks(PictureMasks):
    """A mask for each picture, by name, of the picture's size: it is cropped, flipped and scaled with it.

    Args:
        root: folder with the masks; see `latent_inpaint.folders.pair`.
        threshold: grey value, of 255; see `latent_inpaint.pictures.masks`.
        hole_is_bright: True when what is set is the hole, False when the rest is.
    """

    def __init__(self, root: str, threshold: int = 128, hole_is_bright: bool = True) -> None:
        self.masks = FolderMasks(root, threshold, hole_is_bright)
        self._paired: dict[str, list[str]] | None = None

    def prepare(self, pictures: Sequence[str]) -> None:
        """Finds the masks of all pictures; a picture may have several.

        Raises:
            FileNotFoundError: pictures without a mask.
        """
        files = list(find_files(self.masks.root, ENDINGS).sizes)
        self._paired = pair(pictures, files)
        without = [name for name, found in self._paired.items() if not found]
        if without:
            raise FileNotFoundError(
                f"train_masks: {len(without)} of {len(self._paired)} pictures have no mask in "
                f"{self.masks.root}, the first is {without[0]} (of its name, or with _mask…)"
            )
        unused = len(files) - len({file for found in self._paired.values() for file in found})
        if unused:
            log.warning("train_masks: %s: %d masks belong to no training picture", self.masks.root, unused)

    def draw(self, name: str, rng: np.random.Generator) -> Drawn:
        """One of the picture's masks."""
        found = (self._paired or {}).get(name)
        if not found:
            raise FileNotFoundError(f"train_masks: no mask for {name} in {self.masks.root}")
        return Drawn(self.masks.read(self.masks.root / found[rng.integers(len(found))]), True)


class LabelTrainingMasks(PictureMasks):
    """Holes in the shape of things: a region of the picture's segmentation map, drawn by its share.

    Args:
        root: folder with label maps of the pictures' size; see `latent_inpaint.data.mask_folders.LabelMasks`.
        min_fraction: smallest part of the picture that a region may cover.
        max_fraction: largest part.
        ignore: labels that never become the hole.
        otherwise: generator for pictures none of whose regions fit.
    """

    def __init__(
        self,
        root: str,
        otherwise: MaskGenerator,
        min_fraction: float = 0.02,
        max_fraction: float = 0.5,
        ignore: Sequence[int] = (),
    ) -> None:
        if not 0 <= min_fraction < max_fraction <= 1:
            limits = f"{min_fraction} and {max_fraction}"
            raise ValueError(f"min_fraction, max_fraction: expected 0 ≤ min < max ≤ 1, got {limits}")
        self.root, self.otherwise = FolderMasks(root, 128, True).root, otherwise
        self.min_fraction, self.max_fraction, self.ignore = min_fraction, max_fraction, tuple(ignore)
        self._pictures: tuple[str, ...] = ()

    def prepare(self, pictures: Sequence[str]) -> None:
        """Finds the maps; FileNotFoundError where a picture has none."""
        self._pictures = tuple(pictures)
        self.__dict__.pop("_names", None)
        _ = self._names

    @cached_property
    def _names(self) -> MaskNames:
        return MaskNames(self.root, self._pictures)

    def draw(self, name: str, rng: np.random.Generator) -> Drawn:
        """One of the regions that fit."""
        labels = read_labels(self._names.of(name))
        values, counts = np.unique(labels, return_counts=True)
        fits = (counts >= self.min_fraction * labels.size) & (counts <= self.max_fraction * labels.size)
        fits &= ~np.isin(values, self.ignore)
        if not fits.any():
            return Drawn(self.otherwise(rng), False)
        return Drawn(labels == rng.choice(values[fits]), True)


class MixtureMasks(PictureMasks):
    """Several kinds of masks together.

    Args:
        parts: generators and masks that depend on the picture, by name.
        weights: of each of these names, at least 0.

    Raises:
        ValueError: the names of the two differ, or no weight is positive.
    """

    def __init__(
        self, parts: Mapping[str, MaskGenerator | PictureMasks], weights: Mapping[str, float]
    ) -> None:
        if set(parts) != set(weights) or not parts:
            raise ValueError(
                f"train_masks.weights: expected one for each of {list(parts)}, got {dict(weights)}"
            )
        shares = np.array([weights[name] for name in parts], dtype=float)
        if not (shares >= 0).all() or not shares.sum() > 0:
            raise ValueError(
                f"train_masks.weights: expected numbers from 0 on, one above, got {dict(weights)}"
            )
        self.parts, self.shares = list(parts.values()), shares / shares.sum()

    def prepare(self, pictures: Sequence[str]) -> None:
        """Prepares the parts."""
        for part in self.parts:
            if isinstance(part, PictureMasks):
                part.prepare(pictures)

    def draw(self, name: str, rng: np.random.Generator) -> Drawn:
        """A mask of one of the parts."""
        return drawn(self.parts[rng.choice(len(self.parts), p=self.shares)], name, rng)
