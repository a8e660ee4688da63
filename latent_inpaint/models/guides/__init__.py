"""Guides: picture and mask → latent of the masked picture."""
