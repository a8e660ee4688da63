"""Weights by time of a network's squared error: none, the velocity's, min-SNR, equation 15 of LPL."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_inpaint.paths.path import Path
from latent_inpaint.paths.prediction import Prediction
from latent_inpaint.paths.times import TimeDensity, shift

SMALLEST = 1e-6
"""Keeps ratios finite where a path has no signal or no noise; the limits are the right ones."""


@dataclass(frozen=True)
class TimeWeight:
    """Weight of the squared error of `prediction` on `path`."""

    def __call__(self, path: Path, prediction: Prediction, t: Tensor) -> Tensor:
        """Weights of the shape of `t`, at least 0."""
        raise NotImplementedError


@dataclass(frozen=True)
class Unweighted(TimeWeight):
    """1 at all times."""

    def __call__(self, path: Path, prediction: Prediction, t: Tensor) -> Tensor:
        """Ones."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class VelocityError(TimeWeight):
    """The error of the velocity that follows: `1/max(t, floor)²` for a predicted z0 on the linear path.

    Args:
        floor: smallest divisor, above 0 (JiT: 0.05).
    """

    floor: float = 0.05

    def __post_init__(self) -> None:
        _positive("floor", self.floor)

    def __call__(self, path: Path, prediction: Prediction, t: Tensor) -> Tensor:
        """`(det_v / max(|det_p|, floor))²`."""
        a, s = path.coefficients(t)
        c0, c1 = path.velocity(t)
        own = prediction.determinant(path, t).abs().clamp_min(self.floor)
        return ((a * c1 - s * c0) / own).square()


@dataclass(frozen=True)
class MinSNR(TimeWeight):
    """`min(SNR, γ)` times the squared error of z0, said for each prediction (Hang et al., 2023).

    z0: `min(SNR, γ)`; ε: `min(SNR, γ)/SNR`, 1 where nothing of the signal is left; v: `min(SNR, γ)/(SNR + 1)`
    on the variance-preserving and `min((1 − t)², γ·t²)` on the linear path.

    Args:
        gamma: γ, above 0.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> from latent_inpaint.paths.prediction import Velocity
        >>> MinSNR(5.0)(LinearPath(), Velocity(), torch.tensor([0.5])).item()
        0.25
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        _positive("gamma", self.gamma)

    def __call__(self, path: Path, prediction: Prediction, t: Tensor) -> Tensor:
        """`min(a², γ·s²) / det²`, the error of z0 being `s/det` times that of the prediction."""
        a, s = (value.clamp_min(SMALLEST) for value in path.coefficients(t))
        c0, c1 = prediction.coefficients(path, t)
        return torch.minimum(a.square(), self.gamma * s.square()) / (a * c1 - s * c0).square()


@dataclass(frozen=True)
class Reweighting(TimeWeight):
    """`1 + strength·ratio` where `σ/α ≤ threshold`, else 1: LPL's weighting of the times without its features
    (Berrada et al., 2025, eq. 15).

    Args:
        strength: w_LPL, at least 0.
        ratio: variance of the LPL loss by that of the ℓ2 loss, at least 0.
        threshold: τ of σ/α, above 0.
    """

    strength: float = 3.0
    ratio: float = 1.0
    threshold: float = 3.0

    def __post_init__(self) -> None:
        for name in ("strength", "ratio"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        _positive("threshold", self.threshold)

    def __call__(self, path: Path, prediction: Prediction, t: Tensor) -> Tensor:
        """`w(σ)` of equation 15."""
        a, s = path.coefficients(t)
        return 1 + self.strength * self.ratio * (s <= self.threshold * a).to(t)


def mean_weight(
    weight: TimeWeight, path: Path, prediction: Prediction, density: TimeDensity, factor: float = 1.0
) -> float:
    """Mean of a weight over the times of a density, shifted by `factor`: divide by it to compare weights.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> from latent_inpaint.paths.prediction import Velocity
        >>> from latent_inpaint.paths.times import Uniform
        >>> mean_weight(Unweighted(), LinearPath(), Velocity(), Uniform())
        1.0
    """
    with torch.device("cpu"):  # also where a network is described on the device "meta"
        u = (torch.arange(4096) + 0.5) / 4096
        return float(weight(path, prediction, shift(density.of(u), factor)).mean())


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")
