"""Losses: one file each, a pure function and a thin term around it; each cites its equation. No Lightning."""

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.latent_l1 import LatentL1, latent_l1
from latent_inpaint.losses.mse import PixelMSE, pixel_mse
from latent_inpaint.losses.objective import NonFiniteLossError, Objective
from latent_inpaint.losses.pixel_l1 import PixelL1, pixel_l1

__all__ = [
    "LatentL1",
    "LossTerm",
    "NonFiniteLossError",
    "Objective",
    "PixelL1",
    "PixelMSE",
    "latent_l1",
    "pixel_l1",
    "pixel_mse",
]
