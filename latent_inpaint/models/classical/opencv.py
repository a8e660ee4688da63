"""OpenCV's two: they carry colours from the rim into the hole. Quick, for scratches and specks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from latent_inpaint.extras import needed_by
from latent_inpaint.models.classical.base import Hole, Picture, PictureInpainter

CONTEXT = 32
"""Known pixels on every side of a hole: more than any sensible radius looks at."""


class OpenCVInpainter(PictureInpainter):
    """One of the methods of `cv2.inpaint`.

    Args:
        radius: neighbourhood that each pixel is computed from, in pixels.

    Raises:
        ImportError: OpenCV is not installed.
        ValueError: a radius that is not positive.
    """

    def __init__(self, radius: float = 3.0) -> None:
        super().__init__()
        if not radius > 0:
            raise ValueError(f"radius must be positive, got {radius}")
        with needed_by(type(self).__name__, "classical"):
            import cv2  # noqa: F401
        self.radius = float(radius)

    def fill_picture(self, picture: Picture, hole: Hole) -> Picture:
        """The hole grown shut from its border."""
        import cv2

        filled = cv2.inpaint(picture, hole.astype(np.uint8), self.radius, self._method())
        return np.asarray(filled, np.uint8)

    @abstractmethod
    def _method(self) -> int:
        """OpenCV's number of the method."""

    def context_of(self, side: int) -> int:
        """The same for every hole."""
        return max(CONTEXT, int(2 * self.radius) + 1)

    def settings(self) -> dict[str, Any]:
        """The radius."""
        return {"radius": self.radius}


class Telea(OpenCVInpainter):
    """Fast marching inpainting of Telea (2004): a weighted mean of what is known nearby, border first."""

    def _method(self) -> int:
        import cv2

        return int(cv2.INPAINT_TELEA)


class NavierStokes(OpenCVInpainter):
    """Inpainting by fluid dynamics of Bertalmio, Bertozzi and Sapiro (2001): isophotes are continued."""

    def _method(self) -> int:
        import cv2

        return int(cv2.INPAINT_NS)
