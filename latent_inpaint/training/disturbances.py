"""Noise on the latents in stage 1: the decoder learns to read latents that are not exact."""

from __future__ import annotations

import torch
from torch import Tensor

from latent_inpaint.losses.base import non_negative
from latent_inpaint.paths.noise import shared


class LatentNoise:
    """Normal noise on every value (noise augmentation).

    Each picture draws how much: the noise's deviation is uniform between 0 and `most` times its channel's.

    Args:
        most: largest deviation, as a share of the channel's own, at least 0.

    Raises:
        ValueError: most is negative or not finite.
    """

    def __init__(self, most: float) -> None:
        self.most = non_negative("most", most)

    def __call__(self, latent: Tensor, generator: torch.Generator) -> Tensor:
        """A noisy copy.

        Args:
            latent: `[B, C, h, w]`.
            generator: source of everything random, on the CPU.
        """
        count, shape = len(latent), latent.shape[1:]
        level = self.most * shared(generator, count, lambda n: torch.rand(n, 1, 1, 1, generator=generator))
        noise = level * shared(generator, count, lambda n: torch.randn(n, *shape, generator=generator))
        return latent + latent.detach().std(dim=(0, 2, 3), keepdim=True) * noise.to(latent)
