"""Masks from files: a user's folder of masks, or of label maps, matched to the pictures by name."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.listing import existing_folder
from latent_inpaint.data.mask_sources import MaskSource, NoMaskError
from latent_inpaint.data.photos import UnreadablePicture
from latent_inpaint.data.seeding import Stream, generator_for
from latent_inpaint.folders import find_files, pair
from latent_inpaint.pictures.masks import understand
from latent_inpaint.pictures.opening import ENDINGS, decoded, open_picture

log = logging.getLogger(__name__)


class MaskNames:
    """Which file below a folder belongs to which picture; see `latent_inpaint.folders.pair`.

    Args:
        root: the folder.
        pictures: names of all pictures, so that none gets another one's mask; unknown ones are looked up too.
    """

    def __init__(self, root: Path, pictures: Sequence[str] = ()) -> None:
        self.root = root
        self._masks = list(find_files(root, ENDINGS).sizes)
        self._paired = pair(pictures, self._masks)
        missing = [name for name, masks in self._paired.items() if not masks]
        if missing:
            raise FileNotFoundError(
                f"masks.root: {len(missing)} of {len(self._paired)} pictures have none, the first is "
                f"{missing[0]} in {self._looked_for(missing[0])}"
            )
        for name in self._paired:
            self.of(name)

    def of(self, name: str) -> Path:
        """The file of a picture.

        Raises:
            FileNotFoundError: says what was looked for.
            ValueError: there are several.
        """
        found = self._paired.get(name) or pair([name], self._masks)[name]
        if not found:
            raise FileNotFoundError(f"no mask for {name} in {self._looked_for(name)}")
        if len(found) > 1:
            raise ValueError(f"{name}: expected one mask in {self.root}, there are {', '.join(found)}")
        return self.root / found[0]

    def _looked_for(self, name: str) -> str:
        stem = PurePosixPath(name).with_suffix("")
        return f"{self.root}: looked for {stem}_mask….png, {stem}.png, and with {' '.join(ENDINGS[1:])}"


class FolderMasks(MaskSource):
    """A mask file for every picture, of the picture's own size or of the crops' size.

    Args:
        root: folder with the masks; see `MaskNames`.
        threshold: grey value, of 255; see `latent_inpaint.pictures.masks`.
        hole_is_bright: True when what is set is the hole, False when the rest is.
    """

    def __init__(self, root: str, threshold: int, hole_is_bright: bool) -> None:
        if not 1 <= threshold <= 255:
            raise ValueError(f"threshold: expected a grey value from 1 to 255, got {threshold}")
        self.root = existing_folder(root, "masks.root")
        self.threshold = threshold
        self.hole_is_bright = hole_is_bright
        self._names: MaskNames | None = None
        self._noted: set[str] = set()

    def prepare(self, pictures: Sequence[str] = ()) -> None:
        """See `MaskSource.prepare`; finds the mask of every picture."""
        self._names = MaskNames(self.root, pictures)

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises ValueError, with the file's name, for a mask of another size."""
        path = (self._names or MaskNames(self.root)).of(name)
        try:
            hole = self.read(path)
            return hole if hole.shape == (crop.size, crop.size) else crop.mask(hole)
        except ValueError as error:
            raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error

    def read(self, path: Path) -> np.ndarray:
        """The hole of a file, bool `[H, W]`; what is noteworthy is said once."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            reading = understand(decoded(path), self.threshold)
        for note in (*reading.notes, *(str(warning.message).removeprefix(f"{path}: ") for warning in caught)):
            if note not in self._noted:
                log.warning("masks: %s: %s (said once)", path, note)
            self._noted.add(note)
        return reading.hole if self.hole_is_bright else ~reading.hole

    def card(self) -> dict[str, Any]:
        """Folder, threshold and polarity."""
        return {"masks": str(self.root), "threshold": self.threshold, "hole_is_bright": self.hole_is_bright}


@dataclass(frozen=True)
class LabelMasks(MaskSource):
    """Holes in the shape of things: one region of a segmentation map, chosen by (seed, index).

    Args:
        root: folder with label maps of the pictures' size: PNGs whose pixel values (grey, palette index,
            16 bits, or a colour) tell regions apart; see `MaskNames`.
        seed: of the choice.
        min_fraction: smallest part of the crop that a region may cover.
        max_fraction: largest part.
        ignore: labels that never become the hole, such as a background.
        dilation: pixels by which the hole is grown.
    """

    root: str
    seed: int = 0
    min_fraction: float = 0.02
    max_fraction: float = 0.5
    ignore: tuple[int, ...] = ()
    dilation: int = 0

    def __post_init__(self) -> None:
        existing_folder(self.root, "masks.root")
        if not 0 <= self.min_fraction < self.max_fraction <= 1:
            limits = f"{self.min_fraction} and {self.max_fraction}"
            raise ValueError(f"min_fraction, max_fraction: expected 0 ≤ min < max ≤ 1, got {limits}")
        if self.dilation < 0:
            raise ValueError(f"dilation: expected 0 or more pixels, got {self.dilation}")

    @cached_property
    def _names(self) -> MaskNames:
        return MaskNames(Path(self.root).expanduser())

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises NoMaskError when no region has the right size."""
        path = self._names.of(name)
        try:
            labels = crop.labels(read_labels(path))
        except UnreadablePicture:
            raise
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        values, counts = np.unique(labels, return_counts=True)
        fits = (counts >= self.min_fraction * labels.size) & (counts <= self.max_fraction * labels.size)
        fits &= ~np.isin(values, self.ignore)
        if not fits.any():
            raise NoMaskError(
                f"{name}: no region of {path} covers {self.min_fraction} to {self.max_fraction}"
            )
        rng = generator_for(Stream.EVALUATION_MASK, self.seed, index=index)
        hole = labels == rng.choice(values[fits])
        return _grown(hole, self.dilation) if self.dilation else hole

    def card(self) -> dict[str, Any]:
        """Folder, seed and limits."""
        limits = {"min_fraction": self.min_fraction, "max_fraction": self.max_fraction}
        return {"masks": f"labels in {self.root}", "seed": self.seed, "dilation": self.dilation, **limits}


def read_labels(path: Path) -> np.ndarray:
    """Reads a label map as int32 `[H, W]`; colours become 65536·R + 256·G + B, alpha is ignored.

    Raises:
        UnreadablePicture: names the file.
    """
    try:
        with open_picture(path) as image:
            image.load()
            if image.mode in ("L", "P", "1") or image.mode.startswith("I"):
                return np.asarray(image).astype(np.int32)
            channels = np.asarray(image.convert("RGB")).astype(np.int32)
    except Exception as error:  # decoders raise a dozen types on damaged files
        raise UnreadablePicture(f"{path}: cannot be read as a label map ({error})") from error
    return channels @ np.array([65536, 256, 1], dtype=np.int32)


def _grown(hole: np.ndarray, pixels: int) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(hole.astype(np.uint8), kernel).astype(bool)
