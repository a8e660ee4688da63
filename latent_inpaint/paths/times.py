"""Times of training (uniform, logit-normal, stratified) and of sampling, shifted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def shift(t: Tensor, factor: float) -> Tensor:
    """`t' = s·t / (1 + (s − 1)·t)`: more of the times near noise for s > 1 (SD3, RAE).

    Example:
        >>> shift(torch.tensor([0.0, 0.5, 1.0]), 3.0).tolist()
        [0.0, 0.75, 1.0]

    Raises:
        ValueError: factor is not above 0.
    """
    if not factor > 0:
        raise ValueError(f"factor must be above 0, got {factor}")
    return factor * t / (1 + (factor - 1) * t)


def dimension_shift(channels: int, height: int, width: int) -> float:
    """Shift for a latent of many numbers, `√(C·h·w / 4096)` (RAE, arXiv 2510.11690).

    Example:
        >>> dimension_shift(64, 16, 16)
        2.0
    """
    return math.sqrt(channels * height * width / 4096)


def sampling_times(steps: int, factor: float = 1.0, first: float = 1.0) -> Tensor:
    """`steps + 1` times from `first` down to 0, evenly spaced, then shifted.

    Example:
        >>> sampling_times(4).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]

    Raises:
        ValueError: steps below 1, or factor not above 0.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    return shift(torch.linspace(first, 0, steps + 1), factor)


@dataclass(frozen=True)
class TimeDensity:
    """Density of the times in training, given by what it makes of uniform numbers."""

    def of(self, u: Tensor) -> Tensor:
        """Times of numbers `u` in (0, 1): distributed by this density where those are uniform."""
        raise NotImplementedError

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """`[n]` times in (0, 1), on the CPU.

        Example:
            >>> Uniform().draw(3, torch.Generator().manual_seed(0)).shape
            torch.Size([3])
        """
        return self.of(_inside(torch.rand(n, generator=generator)))


@dataclass(frozen=True)
class Uniform(TimeDensity):
    """All times alike."""

    def of(self, u: Tensor) -> Tensor:
        """`u`."""
        return u


@dataclass(frozen=True)
class LogitNormal(TimeDensity):
    """`sigmoid(N(mean, deviation))` (SD3, Esser et al., 2024); a mean above 0 leans to noise.

    Args:
        mean: of the logit.
        deviation: of the logit, above 0.
        uniform: share of the times that are uniform, in [0, 1]: the logit-normal ones hardly ever come near
            1, where every sample starts.

    Raises:
        ValueError: deviation or uniform outside of these.
    """

    mean: float = 0.0
    deviation: float = 1.0
    uniform: float = 0.0

    def __post_init__(self) -> None:
        if not self.deviation > 0:
            raise ValueError(f"deviation must be above 0, got {self.deviation}")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"uniform must be in [0, 1], got {self.uniform}")

    def of(self, u: Tensor) -> Tensor:
        """`sigmoid(mean + deviation·Φ⁻¹(u))`; the lowest share of the numbers is spread uniformly."""
        rest = _inside((u - self.uniform) / max(1 - self.uniform, 1e-5))
        times = torch.sigmoid(self.mean + self.deviation * torch.special.ndtri(rest))
        return torch.where(u < self.uniform, u / max(self.uniform, 1e-5), times)


@dataclass(frozen=True)
class Stratified(TimeDensity):
    """One time of each of n equal shares of a density, in random order: a batch's loss varies less.

    Args:
        density: from which to draw.
    """

    density: TimeDensity = Uniform()

    def of(self, u: Tensor) -> Tensor:
        """Those of the density."""
        return self.density.of(u)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """`[n]` times, one of each n-th of the density.

        Example:
            >>> times = Stratified().draw(4, torch.Generator().manual_seed(0))
            >>> (4 * times).floor().sort().values.tolist()
            [0.0, 1.0, 2.0, 3.0]
        """
        u = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) / n
        return self.of(_inside(u))


def _inside(u: Tensor) -> Tensor:
    """Never 0 or 1: there a logit may be infinite, and nothing is to be learnt at t = 0."""
    return u.clamp(1e-5, 1 - 1e-5)
