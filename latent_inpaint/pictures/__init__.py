"""Pictures and masks of every kind, opened safely and made plain; needs numpy, Pillow and torch only."""

from __future__ import annotations

from typing import Any

import numpy as np

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness, Rec. 601."""
Pixels = np.ndarray[Any, np.dtype[Any]]
