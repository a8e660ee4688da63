"""Training crops and augmentations by albumentations, driven by the sample's own random generator."""

import os
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no look-up on the network at import

import albumentations as A

from latent_inpaint.data.device_transforms import (
    BrightnessContrast,
    ChannelShuffle,
    Clahe,
    DeviceAugmentation,
    Flip,
    HueSaturationValue,
    Warp,
)

_P = 0.5
_LONGEST = 8  # sides of crops that a picture is enlarged to


class Augmentation(ABC):
    """A random crop and other changes of a picture, and of what belongs to it."""

    _pipeline: cached_property[A.Compose]

    @property
    @abstractmethod
    def _side(self) -> int:
        """Smaller pictures are first enlarged to this."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Augments one picture, uint8 `[H, W, 3]`."""
        return self.together(rng, image=image)["image"]

    def together(self, rng: np.random.Generator, **parts: np.ndarray) -> dict[str, np.ndarray]:
        """Augments `image` and, in the same way, `target`, uint8 `[H, W, 3]`, and `mask`, uint8 `[H, W]`."""
        piece = _piece(parts["image"], self._side, rng)
        parts = {
            name: enlarge_to_fit(part[piece], self._side, name != "mask") for name, part in parts.items()
        }
        # One shared pair of generators: set_random_seed would start every transform in the same state.
        self._pipeline.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        return self._pipeline(**parts)


def _compose(changes: list[Any]) -> A.Compose:
    return A.Compose(changes, additional_targets={"target": "image"})


@dataclass(frozen=True)
class Cut(Augmentation):
    """What the workers still do where the device augments: a random crop of a side between two bounds.

    Args:
        size: side of the result; smaller pictures are first enlarged to fit.
        least: the crop's least side.
        most: the crop's largest side.

    Called with a uint8 picture `[H, W, 3]` and a `numpy.random.Generator`; returns uint8 `[size, size, 3]`.
    """

    size: int
    least: int
    most: int

    @cached_property
    def _pipeline(self) -> A.Compose:
        if self.least == self.most == self.size:
            return _compose([A.RandomCrop(self.size, self.size)])
        sides, size = (self.least, self.most), (self.size, self.size)
        return _compose([A.RandomSizedCrop(sides, size, interpolation=cv2.INTER_AREA)])

    @property
    def _side(self) -> int:
        return self.most


@dataclass(frozen=True)
class CropFlip(Augmentation):
    """A random `size`² crop and a horizontal flip; smaller pictures are first enlarged to fit.

    Called with a uint8 picture `[H, W, 3]` and a `numpy.random.Generator`; returns uint8 `[size, size, 3]`.
    """

    size: int

    @cached_property
    def _pipeline(self) -> A.Compose:
        return _compose([A.RandomCrop(self.size, self.size), A.HorizontalFlip(p=_P)])

    @property
    def _side(self) -> int:
        return self.size

    def on_device(self) -> tuple[Cut, DeviceAugmentation]:
        """The same in two: the workers cut, the device flips."""
        return Cut(self.size, self.size, self.size), DeviceAugmentation((Flip(),))


@dataclass(frozen=True)
class Distortions(Augmentation):
    """LaMa's "distortions" (its configuration abl-04): geometric and colour changes, crop and flip.

    Perspective 0–0.06; affine with scale 0.7–1.3 per axis, rotation ±40°, shear ±0.1°; optical distortion;
    crop; flip; CLAHE; brightness and contrast ±0.2; hue ±5, saturation ±30, value ±5. Each but the crop with
    probability ½, borders reflected or replicated as in the original.

    Called with a uint8 picture `[H, W, 3]` and a `numpy.random.Generator`; returns uint8 `[size, size, 3]`.
    """

    size: int

    @cached_property
    def _pipeline(self) -> A.Compose:
        return _compose(
            [
                A.Perspective(scale=(0.0, 0.06), border_mode=cv2.BORDER_REPLICATE, p=_P),
                A.Affine(
                    scale={"x": (0.7, 1.3), "y": (0.7, 1.3)},
                    rotate=(-40, 40),
                    shear=(-0.1, 0.1),
                    border_mode=cv2.BORDER_REFLECT_101,
                    p=_P,
                ),
                A.OpticalDistortion(distort_limit=0.05, border_mode=cv2.BORDER_REFLECT_101, p=_P),
                A.RandomCrop(self.size, self.size),
                A.HorizontalFlip(p=_P),
                A.CLAHE(p=_P),
                A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=_P),
                A.HueSaturationValue(hue_shift_limit=5, sat_shift_limit=30, val_shift_limit=5, p=_P),
            ]
        )

    @property
    def _side(self) -> int:
        return self.size

    def on_device(self) -> tuple[Cut, DeviceAugmentation]:
        """The same in two: the workers cut, the device does the rest to the crop.

        Perspective, affine and optical distortion are sampled at once, and reflect what is in the crop alone:
        what the whole picture has beyond it is not there. CLAHE's limit is 1, 2, 3 or 4. All else is as here.
        """
        colours = Clahe(), BrightnessContrast(0.2), HueSaturationValue(5, 30, 5)
        changes = Warp(self.size), Flip(), *colours
        return Cut(self.size, self.size, self.size), DeviceAugmentation(changes)


@dataclass(frozen=True)
class FewPictures(Augmentation):
    """Makes the most of a handful of pictures: sizes and colours that they do not have.

    A crop of a side between half and twice `size`, resized to `size`; a flip; and, each with probability ½,
    the colour channels in another order, hue ±90 (of 180), saturation ±40, value ±30, brightness and contrast
    ±0.3. Without it a network that never saw a sky cannot even encode one.

    Called with a uint8 picture `[H, W, 3]` and a `numpy.random.Generator`; returns uint8 `[size, size, 3]`.
    """

    size: int

    @cached_property
    def _pipeline(self) -> A.Compose:
        return _compose(
            [
                A.RandomSizedCrop(
                    min_max_height=(self.size // 2, 2 * self.size),
                    size=(self.size, self.size),
                    interpolation=cv2.INTER_AREA,
                ),
                A.HorizontalFlip(p=_P),
                A.ChannelShuffle(p=_P),
                A.HueSaturationValue(hue_shift_limit=90, sat_shift_limit=40, val_shift_limit=30, p=_P),
                A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0.3, p=_P),
            ]
        )

    @property
    def _side(self) -> int:
        return 2 * self.size

    def on_device(self) -> tuple[Cut, DeviceAugmentation]:
        """The same in two: the workers cut and resize, the device does the rest."""
        changes = Flip(), ChannelShuffle(), HueSaturationValue(90, 40, 30), BrightnessContrast(0.3)
        return Cut(self.size, self.size // 2, 2 * self.size), DeviceAugmentation(changes)


def _piece(image: np.ndarray, size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A random piece of a strip that is to be enlarged; all of any other picture."""
    short, axis = min(image.shape[:2]), int(np.argmax(image.shape[:2]))
    room, everything = image.shape[axis] - _LONGEST * short, slice(None)
    if short >= size or room <= 0:
        return everything, everything
    start = int(rng.integers(room + 1))
    part = slice(start, start + _LONGEST * short)
    return (part, everything) if axis == 0 else (everything, part)


def enlarge_to_fit(image: np.ndarray, size: int, smooth: bool = True) -> np.ndarray:
    """Enlarges `[H, W, …]` (bicubic, or to the nearest) to a short side of `size`, if it is smaller."""
    short = min(image.shape[:2])
    if short >= size:
        return image
    height, width = (max(size, round(side * size / short)) for side in image.shape[:2])
    interpolation = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=interpolation)
