"""What PatchMatch can be steered by: maps of two coordinates per pixel, computed from a finished picture.

PatchMatch adds the distance of two positions' coordinates to the distance of their patches, so that a patch
is copied from where the picture *means* the same. Zhang et al. (ECCV 2022, "Inpainting at modern camera
resolution by guided PatchMatch with auto-curation") steer it by depth, structure and segmentation of a
network's result; these guides need nothing but the result itself and the network's features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Guide = NDArray[np.float32]  # [H, W, 2], coordinates in [0, 0.5]: the compiled code takes them modulo 1
Encode = Callable[[Tensor], Tensor]  # [1, 3, H, W] in [0, 1] → features [1, C, h, w]

HALF = 0.5


class GuideMaker(Protocol):
    """What makes a guide."""

    def __call__(self, picture: Tensor, encode: Encode) -> Guide:
        """The guide of a picture.

        Args:
            picture: without a hole, `[3, H, W]` in [0, 1].
            encode: the network's features of a picture.
        """


class NoGuide:
    """Every position the same: plain PatchMatch, for where the network is of no help."""

    def __call__(self, picture: Tensor, encode: Encode) -> Guide:
        """Zeros."""
        return np.zeros((*picture.shape[1:], 2), np.float32)


class ColourGuide:
    """Low-frequency colour: where to find the right colours, whatever the texture.

    Args:
        blur: standard deviation of the Gaussian, as a share of the short side.
    """

    def __init__(self, blur: float = 0.012) -> None:
        self.blur = blur

    def __call__(self, picture: Tensor, encode: Encode) -> Guide:
        """The two principal components of the blurred colours of `[3, H, W]`."""
        return in_the_plane(blurred(_pixels(picture), self.blur))


class StructureGuide:
    """Direction and strength of edges, by the structure tensor: copies edges of the right orientation.

    Args:
        blur: deviation of the Gaussian over which directions are averaged, as a share of the short side.
    """

    def __init__(self, blur: float = 0.012) -> None:
        self.blur = blur

    def __call__(self, picture: Tensor, encode: Encode) -> Guide:
        """`coherence · (cos 2θ, sin 2θ)` of `[3, H, W]`: equal for θ and θ + 180°, 0 where no edge is."""
        import cv2

        grey = blurred(_pixels(picture).mean(axis=2, keepdims=True), self.blur / 4)
        dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        xx, yy, xy = (
            blurred(product[..., None], self.blur)[..., 0] for product in (dx * dx, dy * dy, dx * dy)
        )
        energy = xx + yy + 1e-3
        direction = np.stack([(xx - yy) / energy, 2 * xy / energy], axis=-1)  # in the unit disc
        return ((direction + 1) * (HALF / 2)).clip(0, HALF).astype(np.float32)


class FeatureGuide:
    """The two principal components of the network's features: patches from where it sees the same."""

    def __call__(self, picture: Tensor, encode: Encode) -> Guide:
        """The features of `[3, H, W]`, projected, then enlarged to the picture."""
        import cv2

        features = encode(picture[None])[0].float()
        deviation = features.std(dim=(1, 2), keepdim=True).clamp(min=1e-6)
        plane = in_the_plane((features / deviation).permute(1, 2, 0).cpu().numpy())
        enlarged = cv2.resize(plane, (picture.shape[2], picture.shape[1]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, np.float32)


def blurred(pixels: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """`[H, W, C]`, blurred by a Gaussian whose deviation is `share` of the short side."""
    import cv2

    sigma = share * min(pixels.shape[:2])
    out = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32).reshape(pixels.shape)


def in_the_plane(features: NDArray[np.float32]) -> Guide:
    """Project `[H, W, C]` on its two principal components, scaled by the first one's range to [0, 0.5]."""
    flat = features.reshape(-1, features.shape[2]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    _, axes = np.linalg.eigh(flat.T @ flat)  # ascending
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.where(axes.sum(axis=0) < 0, -1, 1)  # the sign that a solver gives must not matter
    plane = flat @ axes
    low, high = np.quantile(plane[:, 0], [0.01, 0.99])
    plane = (plane / max(high - low, 1e-6) * HALF + HALF / 2).clip(0, HALF)
    return plane.reshape(*features.shape[:2], 2).astype(np.float32)


def _pixels(picture: Tensor) -> NDArray[np.float32]:
    """`[3, H, W]` → `[H, W, 3]`."""
    return np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy(), np.float32)
