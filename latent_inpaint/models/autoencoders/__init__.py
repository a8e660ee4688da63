"""Encoders and decoders: picture ↔ latent."""
