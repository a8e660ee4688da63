"""What a generative refiner gives in training, for its own losses as well."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_inpaint.models.refiners.base import Refined
from latent_inpaint.paths.path import Path, spread

SMALLEST_NOISE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Denoised(Refined):
    """What a generative refiner gives in training; beside the rest, in standardised units:

    Attributes:
        path: of the noise.
        noised: z_t, `[B, C, h, w]`.
        levels: its times, `[B]` or `[B, 1, h, w]`.
        clean: estimate and truth of the latent, `[B, C, h, w]` each.
        noise: the true noise, `[B, C, h, w]`.
        channels: what the denoiser saw of the condition, `[B, K, h, w]`, or None.
    """

    path: Path
    noised: Tensor
    levels: Tensor
    clean: tuple[Tensor, Tensor]
    noise: Tensor
    channels: Tensor | None

    def again(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate and truth, each with its own noise, at other times `[B]` (self-perceptual loss).

        At the same time both are z_t: times have to be drawn independently of the first ones. Positions that
        are shown without noise stay so.
        """
        estimate, truth = self.clean
        if self.levels.ndim > 1 and t.ndim == 1:
            t = torch.where(self.levels > 0, spread(t, truth), self.levels)
        a, s = self.path.coefficients(spread(self.levels, truth))
        own_noise = (self.noised - a * estimate) / s.clamp_min(SMALLEST_NOISE)
        own_noise = torch.where(s >= SMALLEST_NOISE, own_noise, self.noise)  # without noise it says nothing
        return self.path.at(estimate, own_noise, t), self.path.at(truth, self.noise, t)
