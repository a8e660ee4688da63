"""Maps of numbers as colours, and words under pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

CAPTION = 14
_COLOURS = np.array([[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]], dtype=float)
"""Black, violet, red, orange, pale yellow, equally spaced: brighter is more, in grey print as well."""


def heat(values: Tensor, low: Tensor | float, high: Tensor | float, size: tuple[int, int]) -> np.ndarray:
    """Colours of maps, enlarged without smoothing.

    Args:
        values: `[B, H, W]`.
        low: what is black, a number or one that broadcasts to the values.
        high: what is brightest; values outside low … high are clipped. Where both are equal all is black.
        size: height and width of the pictures in pixels.

    Returns:
        `[B, *size, 3]` uint8.
    """
    share = ((values - low) / (high - low)).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1)
    place = functional.interpolate(share[:, None].float(), size, mode="nearest-exact")[:, 0].cpu().numpy()
    stops = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(place, stops, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def captioned(pictures: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """Pictures `[B, H, W, 3]` uint8 with a line under each, `[B, H + CAPTION, W, 3]`, cut where too long."""
    font = ImageFont.load_default(size=10)
    count, _, width, _ = pictures.shape
    strips = []
    for caption in captions:
        strip = Image.new("RGB", (width, CAPTION), "white")
        ImageDraw.Draw(strip).text((1, 1), caption, fill="black", font=font)
        strips.append(np.asarray(strip))
    if len(strips) != count:
        raise ValueError(f"captions: one for each of the {count} pictures is expected, got {len(strips)}")
    return np.concatenate([pictures, np.stack(strips)], axis=1)
