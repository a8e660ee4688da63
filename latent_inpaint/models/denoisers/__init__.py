"""Denoisers, the networks of flow and diffusion refiners: `denoiser(z_t, t, condition) → [B, C, h, w]`."""

from latent_inpaint.models.denoisers.base import Denoiser
from latent_inpaint.models.denoisers.diffusers import DiffusersUNet
from latent_inpaint.models.denoisers.dit import DiTDenoiser, MMDiTDenoiser
from latent_inpaint.models.denoisers.ffc import FFCDenoiser
from latent_inpaint.models.denoisers.unet import UNetDenoiser

__all__ = ["Denoiser", "DiTDenoiser", "DiffusersUNet", "FFCDenoiser", "MMDiTDenoiser", "UNetDenoiser"]
