"""Masks from files: a user's folder of masks, or of label maps, matched to the pictures by name."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from PIL import Image

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.listing import existing_folder
from latent_inpaint.data.mask_sources import MaskSource, NoMaskError
from latent_inpaint.data.photos import EXTENSIONS, FORMATS, UnreadablePicture, read_picture
from latent_inpaint.data.seeding import Stream, generator_for


def matching_file(root: Path, name: str) -> Path:
    """The file that belongs to a picture: its relative path with `_mask` before the extension, or as it is.

    The extension may be another one than the picture's; PNG comes first.

    Raises:
        FileNotFoundError: says what was looked for.
    """
    stem = PurePosixPath(name).with_suffix("")
    names = [f"{stem}{ending}{extension}" for ending in ("_mask", "") for extension in (".png", *EXTENSIONS)]
    for candidate in (*names, name):
        if (root / candidate).is_file():
            return root / candidate
    raise FileNotFoundError(f"no mask for {name} in {root}: looked for {stem}_mask.png, {stem}.png and alike")


class FolderMasks(MaskSource):
    """A mask file for every picture, of the picture's own size or of the crops' size.

    Args:
        root: folder with the masks; see `matching_file`.
        threshold: grey value, of 255, that divides hole and known; this value itself counts as bright.
        hole_is_bright: True when bright pixels are the hole, False when the dark ones are.
    """

    def __init__(self, root: str, threshold: int, hole_is_bright: bool) -> None:
        if not 1 <= threshold <= 255:
            raise ValueError(f"threshold: expected a grey value from 1 to 255, got {threshold}")
        self.root = existing_folder(root, "masks.root")
        self.threshold = threshold
        self.hole_is_bright = hole_is_bright

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises ValueError, with the file's name, for a mask of another size."""
        path = matching_file(self.root, name)
        grey = read_picture(path).max(axis=2)
        hole = (grey >= self.threshold) == self.hole_is_bright
        if hole.shape == (crop.size, crop.size):
            return hole
        try:
            return crop.mask(hole)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def card(self) -> dict[str, Any]:
        """Folder, threshold and polarity."""
        return {"masks": str(self.root), "threshold": self.threshold, "hole_is_bright": self.hole_is_bright}


@dataclass(frozen=True)
class LabelMasks(MaskSource):
    """Holes in the shape of things: one region of a segmentation map, chosen by (seed, index).

    Args:
        root: folder with label maps of the pictures' size: PNGs whose pixel values (grey, palette index,
            16 bits, or a colour) tell regions apart; see `matching_file`.
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

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises NoMaskError when no region has the right size."""
        path = matching_file(Path(self.root).expanduser(), name)
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
        with Image.open(path, formats=FORMATS) as image:
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
