"""Augmentations of whole training batches on the device: drawn picture by picture, computed by kornia."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from latent_inpaint.extras import needed_by

_P = 0.5
_CLIP_LIMITS = (1, 2, 3, 4)


class Change(Protocol):
    """One augmentation of a batch."""

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """What happens to a picture, as numbers `[n]`; None leaves it as it is."""

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Changes images `[B, 3, H, W]` in [0, 1] by what was drawn for each, `[B, n]` on the CPU."""


@dataclass(frozen=True)
class DeviceAugmentation:
    """Changes that a batch of images goes through, each picture by numbers of its own.

    Images are float32 `[B, 3, H, W]` in [0, 1], and the result is. Each picture's depends on its
    generator alone; with whom it is in a batch changes roundings at most. No other random state is touched.

    Raises:
        ImportError: kornia is not installed.
    """

    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        with needed_by("augment_on_device", "train"):
            import kornia  # noqa: F401

    @torch.no_grad()
    def __call__(self, images: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        """Augments `images`, on their device; `rngs` has a generator for each."""
        for change in self.changes:
            rows = {at: row for at, rng in enumerate(rngs) if (row := change.draw(rng)) is not None}
            if rows:
                which = torch.tensor(list(rows)).to(images.device)
                drawn = torch.from_numpy(np.stack(list(rows.values()))).float()
                changed = change.apply(images[which].float(), drawn).clamp(0, 1)
                images = images.index_copy(0, which, changed.to(images.dtype))
        return images


@dataclass(frozen=True)
class Flip:
    """Horizontally."""

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """Nothing but whether."""
        return np.empty(0) if rng.random() < _P else None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        return images.flip(-1)


@dataclass(frozen=True)
class ChannelShuffle:
    """Colour channels in another order."""

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """The channels' order."""
        return rng.permutation(3) if rng.random() < _P else None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        return images.gather(1, drawn.long().to(images.device)[:, :, None, None].expand_as(images))


@dataclass(frozen=True)
class Warp:
    """Perspective, affine and optical distortion of `size`² crops, as in `transforms.Distortions`.

    Each of the three with probability ½; the picture is sampled once, bilinear, its borders reflected.
    """

    size: int

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """Nine numbers of the homography from a new picture's pixels to the old one's, and the distortion."""
        chosen = rng.random(3) < _P
        if not chosen.any():
            return None
        perspective = self._perspective(rng) if chosen[0] else np.eye(3)
        affine = self._affine(rng) if chosen[1] else np.eye(3)
        distortion = rng.uniform(-0.05, 0.05) if chosen[2] else 0.0
        return np.append(np.linalg.inv(affine @ perspective).ravel(), distortion)

    def _perspective(self, rng: np.random.Generator) -> np.ndarray:
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
        inwards = np.abs(rng.normal(0, rng.uniform(0, 0.06), (4, 2))) % 0.32
        found = (corners + (1 - 2 * corners) * inwards).astype(np.float32)
        return cv2.getPerspectiveTransform(self.size * found, self.size * corners)

    def _affine(self, rng: np.random.Generator) -> np.ndarray:
        angle = np.deg2rad(rng.uniform(-40, 40))
        shear_x, shear_y = np.tan(np.deg2rad(rng.uniform(-0.1, 0.1, 2)))
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        linear = np.array([[1, shear_x], [shear_y, 1]]) @ rotation @ np.diag(rng.uniform(0.7, 1.3, 2))
        matrix, centre = np.eye(3), np.full(2, (self.size - 1) / 2)
        matrix[:2, :2], matrix[:2, 2] = linear, centre - linear @ centre
        return matrix

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        from kornia.geometry import calibration, linalg, transform

        drawn = drawn.to(images.device)
        count, (height, width) = len(images), images.shape[-2:]
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        camera = drawn.new_tensor([[width, 0, centre_x], [0, height, centre_y], [0, 0, 1]])
        rows, columns = (torch.arange(side).to(drawn) for side in (height, width))
        points = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).reshape(1, -1, 2)
        coefficients = drawn[:, 9:] * drawn.new_tensor([1, 1, 0, 0])  # radial: 1 + k·r² + k·r⁴
        points = calibration.distort_points(
            points.expand(count, -1, 2), camera.expand(count, 3, 3), coefficients
        )
        points = linalg.transform_points(drawn[:, :9].reshape(count, 3, 3), points)
        x, y = points.reshape(count, height, width, 2).unbind(-1)
        return transform.remap(images, x, y, padding_mode="reflection", align_corners=True)


@dataclass(frozen=True)
class Clahe:
    """Contrast-limited adaptive histogram equalisation of the lightness, in 8×8 tiles."""

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """The limit of the contrast: kornia takes one for a batch, so that there are but a few."""
        return rng.choice(_CLIP_LIMITS, 1) if rng.random() < _P else None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        from kornia.color import lab_to_rgb, rgb_to_lab
        from kornia.enhance import equalize_clahe

        lab = rgb_to_lab(images)
        lightness = (lab[:, :1] / 100).clamp(0, 1)
        for limit in _CLIP_LIMITS:
            which = (drawn[:, 0] == limit).nonzero()[:, 0].to(images.device)
            if len(which):
                equalised = equalize_clahe(lightness[which], float(limit))
                lightness = lightness.index_copy(0, which, equalised)
        return lab_to_rgb(torch.cat([100 * lightness, lab[:, 1:]], 1))


@dataclass(frozen=True)
class BrightnessContrast:
    """Contrast by a factor of 1 ± `limit`, then brightness by ± `limit`."""

    limit: float

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """Brightness and contrast."""
        return rng.uniform(-self.limit, self.limit, 2) if rng.random() < _P else None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        brightness, contrast = drawn.to(images.device)[:, :, None, None, None].unbind(1)
        return images * (1 + contrast) + brightness


@dataclass(frozen=True)
class HueSaturationValue:
    """Shifts, in OpenCV's units: hue of 180, saturation and value of 255. What is grey stays grey."""

    hue: float
    saturation: float
    value: float

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """The three shifts, hue in radians, the others of 1."""
        limits = np.array([self.hue * np.pi / 90, self.saturation / 255, self.value / 255])
        return rng.uniform(-limits, limits) if rng.random() < _P else None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """See `Change`."""
        from kornia.color import hsv_to_rgb, rgb_to_hsv

        hue, saturation, value = rgb_to_hsv(images).unbind(1)
        by_hue, by_saturation, by_value = drawn.to(images.device)[:, :, None, None].unbind(1)
        hue = (hue + by_hue) % (2 * torch.pi)
        saturation = torch.where(saturation > 0, (saturation + by_saturation).clamp(0, 1), 0)
        return hsv_to_rgb(torch.stack([hue, saturation, (value + by_value).clamp(0, 1)], 1))
