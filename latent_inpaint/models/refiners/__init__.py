"""Refiners: repair the latent of a masked picture."""
