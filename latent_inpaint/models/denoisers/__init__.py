"""Denoisers, the networks of flow and diffusion refiners: `denoiser(z_t, t, condition) → [B, C, h, w]`."""
