"""Metrics: per picture, Fréchet distances, and the suite that computes all of them in one pass."""

from latent_inpaint.metrics.frechet import frechet_distance

__all__ = ["frechet_distance"]
