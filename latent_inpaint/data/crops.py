"""Deterministic square crops, applied alike to a picture and to a mask of the picture's size."""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

Anchor = tuple[float, float]
CENTRE: Anchor = (0.5, 0.5)
_LONGEST = 32  # sides of crops; larger pictures are not resized as a whole


@dataclass(frozen=True)
class Crop:
    """A square window of a resized picture.

    Attributes:
        picture: height and width of the picture.
        resized: height and width to which it is resized first.
        top: first row of the window in the resized picture.
        left: first column of the window.
        size: side of the window in pixels.
    """

    picture: tuple[int, int]
    resized: tuple[int, int]
    top: int
    left: int
    size: int

    @classmethod
    def of(
        cls,
        picture: tuple[int, int],
        size: int,
        short_side: int | None = None,
        anchor: Anchor = CENTRE,
        max_short_side: int | None = None,
    ) -> "Crop":
        """The crop at a relative position, (0, 0) top left to (1, 1) bottom right.

        Args:
            picture: height and width of the picture.
            size: side of the crop.
            short_side: the picture is resized so that its short side has this length; None keeps the size
                unless it is smaller than the crop.
            anchor: where the crop lies, as fractions of the room in y and x.
            max_short_side: without `short_side`, larger pictures are reduced to this short side.
        """
        if short_side is not None and short_side < size:
            raise ValueError(f"short_side: expected at least the crop's size {size}, got {short_side}")
        target = short_side or max(size, min(*picture, max_short_side or min(picture)))
        scale = target / min(picture)
        height, width = (max(size, round(side * scale)) for side in picture)
        top, left = (round((side - size) * at) for side, at in zip((height, width), anchor))
        return cls(picture, (height, width), top, left, size)

    def image(self, image: np.ndarray) -> np.ndarray:
        """uint8 `[H, W, 3]` to `[size, size, 3]`; resized with an antialiased bicubic filter."""
        if self.resized == self.picture:
            return self._window(image)
        if max(self.resized) <= _LONGEST * self.size:
            size = (self.resized[1], self.resized[0])
            return self._window(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)))
        y, x = (then / now for then, now in zip(self.picture, self.resized))
        box = (self.left * x, self.top * y, (self.left + self.size) * x, (self.top + self.size) * y)
        # the same, but for a rounding: a strip as a whole would become enormous
        window = Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BICUBIC, box)
        return np.asarray(window)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Bool `[H, W]` to `[size, size]`; a reduced pixel is hole when any part of it is.

        Raises:
            ValueError: the mask has not the picture's size.
        """
        self._check("mask", mask)
        if self.resized[0] >= self.picture[0]:
            return self._nearest(mask)
        size = (self.resized[1], self.resized[0])
        mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        return self._window(mask)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Integers `[H, W]` to `[size, size]`, by the nearest pixel.

        Raises:
            ValueError: the label map has not the picture's size.
        """
        self._check("label map", labels)
        return self._nearest(labels)

    def _check(self, what: str, array: np.ndarray) -> None:
        if array.shape != self.picture:
            expected, got = (f"{width}×{height}" for height, width in (self.picture, array.shape))
            turned = array.shape == self.picture[::-1]
            hint = "; pictures are turned as their EXIF says, turn it likewise" if turned else ""
            raise ValueError(
                f"{what}: expected the picture's size {expected} (width × height), got {got}{hint}"
            )

    def _nearest(self, array: np.ndarray) -> np.ndarray:
        starts = (self.top, self.left)
        rows, columns = (
            (np.arange(start, start + self.size) * (1 / (now / then))).astype(int)  # as OpenCV does
            for start, then, now in zip(starts, self.picture, self.resized)
        )
        return array[rows][:, columns]

    def _window(self, array: np.ndarray) -> np.ndarray:
        return array[self.top : self.top + self.size, self.left : self.left + self.size]
