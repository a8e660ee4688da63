"""Mean and deviation of each channel of the latents, in which a sampler's noise is of the right size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latent_inpaint.models.norm import mean_of_all


class LatentStatistics(nn.Module):
    """Standardises latents per channel. Mean and deviation are averaged over the first training batches, then
    fixed; they are buffers, saved with the model, and a resumed run goes on with them.

    Args:
        channels: channels of the latent.
        n_batches: batches over which they are measured, at least 1.
        floor: smallest deviation as a share of the channels' root mean square: a channel that hardly ever
            moves must not be blown up.

    Raises:
        ValueError: n_batches below 1, or floor not above 0.
    """

    mean: Tensor
    square: Tensor
    batches_seen: Tensor

    def __init__(self, channels: int, n_batches: int = 100, floor: float = 0.05) -> None:
        super().__init__()
        if n_batches < 1:
            raise ValueError(f"n_batches must be at least 1, got {n_batches}")
        if not floor > 0:
            raise ValueError(f"floor must be above 0, got {floor}")
        self.n_batches = n_batches
        self.floor = floor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("square", torch.ones(channels))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, latent: Tensor) -> None:
        """Count a batch `[B, C, h, w]` in, if it is one of the first; the host waits for nothing."""
        counts = self.batches_seen < self.n_batches
        latent = latent.float()
        for buffer, value in ((self.mean, latent), (self.square, latent.square())):
            moved = buffer + (mean_of_all(value.mean(dim=(0, 2, 3))) - buffer) / (self.batches_seen + 1)
            buffer.copy_(torch.where(counts, moved, buffer))
        self.batches_seen += counts

    @property
    def deviation(self) -> Tensor:
        """Deviation of each channel, not below the floor, `[C]`."""
        variance = (self.square - self.mean.square()).clamp_min(0)
        return torch.maximum(variance, self.floor**2 * variance.mean()).clamp_min(1e-12).sqrt()

    def standardise(self, latent: Tensor) -> Tensor:
        """`[B, C, h, w]` in the encoder's units → in standardised ones."""
        return (latent - self.mean[:, None, None]) / self.deviation[:, None, None]

    def restore(self, latent: Tensor) -> Tensor:
        """The inverse of `standardise`."""
        return torch.addcmul(self.mean[:, None, None], latent, self.deviation[:, None, None])
