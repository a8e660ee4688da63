"""Texture copied from the known region, from coarse to fine, guided by a network's smooth fill."""

from __future__ import annotations

from latent_inpaint.models.copying.inpainter import CopyingInpainter
from latent_inpaint.models.copying.texture import CopyingWarning, copy_texture

__all__ = ["CopyingInpainter", "CopyingWarning", "copy_texture"]
