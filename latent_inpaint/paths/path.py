"""Paths between a latent z0 and noise ε: `z_t = a(t)·z0 + s(t)·ε`, t ∈ [0, 1], 1 = noise.

The linear path is that of flow matching and rectified flow (Liu et al., 2023; Lipman et al., 2023); the
variance-preserving one, `a² + s² = 1`, that of DDPM (Ho et al., 2020), with the betas of DDPM (linear),
Stable Diffusion (scaled linear) or Nichol & Dhariwal (2021, cosine), zero terminal SNR (Lin et al., 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


def spread(t: Tensor, like: Tensor) -> Tensor:
    """Times that broadcast over `like` `[B, C, h, w]`: one for all, `[B]`, or a map `[B, 1, h, w]` as it is.

    Example:
        >>> spread(torch.zeros(2), torch.zeros(2, 3, 4, 4)).shape
        torch.Size([2, 1, 1, 1])
    """
    return t if t.ndim in (0, like.ndim) else t.view(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Path:
    """What both paths share. Times are 0-dimensional, `[B]`, or maps `[B, 1, h, w]` (a time per position)."""

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(a, s)` of `z_t = a·z0 + s·ε`, of the shape of `t`."""
        raise NotImplementedError

    def velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(c0, c1)` of the velocity `v = c0·z0 + c1·ε`, of the shape of `t`."""
        raise NotImplementedError

    def time_of(self, signal: Tensor, noise: Tensor) -> Tensor:
        """The time at which `a : s` is `signal : noise`, both at least 0, not both 0."""
        raise NotImplementedError

    def at(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """`z_t`, noised by `noise`, of the shape of `clean` `[B, C, h, w]`.

        Example:
            >>> LinearPath().at(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([0.25])).item()
            0.75
        """
        a, s = self.coefficients(spread(t, clean))
        return a * clean + s * noise

    def snr(self, t: Tensor) -> Tensor:
        """Signal to noise ratio `a²/s²`; infinite at t = 0."""
        a, s = self.coefficients(t)
        return (a / s).square()

    def again(self, t: Tensor, t_next: Tensor) -> tuple[Tensor, Tensor]:
        """`(k, d)` of the way back to noise, `z_t = k·z_t_next + d·ε` with fresh ε, t > t_next.

        `k = a/a'`, `d² = s² − k²s'²` keep the path's distribution at t (RePaint's undo for any path; on the
        linear one `k = (1 − t)/(1 − t')`).

        Example:
            >>> k, d = LinearPath().again(torch.tensor(0.75), torch.tensor(0.5))
            >>> round(k.item(), 3), round(d.item(), 3)
            (0.5, 0.707)
        """
        a, s = self.coefficients(t)
        a_next, s_next = self.coefficients(t_next)
        k = a / a_next
        return k, (s.square() - (k * s_next).square()).clamp_min(0).sqrt()


@dataclass(frozen=True)
class LinearPath(Path):
    """`z_t = (1 − t)·z0 + t·ε`, velocity `v = dz/dt = ε − z0`."""

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(1 − t, t)`."""
        return 1 - t, t

    def velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(−1, 1)`."""
        return -torch.ones_like(t), torch.ones_like(t)

    def time_of(self, signal: Tensor, noise: Tensor) -> Tensor:
        """`t = s / (a + s)`."""
        return noise / (signal + noise)


class Betas(Protocol):
    """A schedule of DDPM: hashable, so that its table is computed once."""

    def __hash__(self) -> int:
        """Equal schedules have one table."""

    def products(self) -> Tensor:
        """`ᾱ_i = Π (1 − β_j)` of steps 1 … T, `[T]`, float64."""


@dataclass(frozen=True)
class LinearBetas:
    """β linear in the step (DDPM: 1e-4 … 0.02, T = 1000)."""

    start: float = 1e-4
    end: float = 0.02
    steps: int = 1000

    def products(self) -> Tensor:
        """`ᾱ` of each step, `[T]`."""
        return (1 - torch.linspace(self.start, self.end, self.steps, dtype=torch.float64)).cumprod(0)


@dataclass(frozen=True)
class ScaledLinearBetas:
    """√β linear in the step (Stable Diffusion: 0.00085 … 0.012, T = 1000)."""

    start: float = 0.00085
    end: float = 0.012
    steps: int = 1000

    def products(self) -> Tensor:
        """`ᾱ` of each step, `[T]`."""
        roots = torch.linspace(math.sqrt(self.start), math.sqrt(self.end), self.steps, dtype=torch.float64)
        return (1 - roots.square()).cumprod(0)


@dataclass(frozen=True)
class CosineBetas:
    """`ᾱ ∝ cos²((t + offset)/(1 + offset)·π/2)`, β at most `largest` (Nichol & Dhariwal, 2021, eq. 17)."""

    offset: float = 0.008
    largest: float = 0.999
    steps: int = 1000

    def products(self) -> Tensor:
        """`ᾱ` of each step, `[T]`."""
        t = torch.linspace(0, 1, self.steps + 1, dtype=torch.float64)
        products = ((t + self.offset) / (1 + self.offset) * math.pi / 2).cos().square()
        return (products[1:] / products[:-1]).clamp_min(1 - self.largest).cumprod(0)


@dataclass(frozen=True)
class VariancePreservingPath(Path):
    """`z_t = α·z0 + σ·ε`, `α² + σ² = 1`, velocity `v = α·ε − σ·z0` (Salimans & Ho, 2022).

    Step i of T (1 … T) is at t = i/T, the latent itself at t = 0; in between the direction of (α, σ) is
    interpolated. A timestep of diffusers, which counts from 0, is `T·t − 1`.

    Args:
        betas: the schedule.
        zero_terminal_snr: rescale it so that nothing of the latent is left at t = 1 (Lin et al., 2024,
            algorithm 1); ε says nothing there: predict v or z0.
    """

    betas: Betas = ScaledLinearBetas()
    zero_terminal_snr: bool = True

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(α, σ)`."""
        table = _table(self.betas, self.zero_terminal_snr, t.device).to(t)
        position = t.clamp(0, 1) * (table.shape[1] - 1)
        below = position.long().clamp_max(table.shape[1] - 2)
        a, s = torch.lerp(table[:, below], table[:, below + 1], position - below)
        length = torch.hypot(a, s)
        return a / length, s / length

    def velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(−σ, α)`."""
        a, s = self.coefficients(t)
        return -s, a

    def time_of(self, signal: Tensor, noise: Tensor) -> Tensor:
        """The ratio's place in the table; 1 where there is more noise than at its end."""
        table = _table(self.betas, self.zero_terminal_snr, signal.device).to(signal)
        angles = torch.atan2(table[1], table[0])
        above = torch.searchsorted(angles, torch.atan2(noise, signal)).clamp(1, len(angles) - 1)
        (a, s), (da, ds) = table[:, above - 1], table[:, above] - table[:, above - 1]
        share = (s * signal - a * noise) / (noise * da - signal * ds)
        return ((above - 1 + share) / (len(angles) - 1)).clamp(0, 1)


def change_path(z: Tensor, t: Tensor, source: Path, target: Path) -> tuple[Tensor, Tensor]:
    """The same latent with the same noise on another path: `(z', t')` with the same SNR.

    `z' = z·√(a'² + s'²)/√(a² + s²)`; any sampler of one path serves a network of the other so.

    Args:
        z: `[B, C, h, w]`.
        t: 0-dimensional or `[B]`.
        source: path on which `z` is at `t`.
        target: path to go to.

    Example:
        >>> z, t = torch.ones(1, 1, 1, 1), torch.tensor([0.5])
        >>> round(change_path(z, t, LinearPath(), VariancePreservingPath())[0].item(), 4)
        1.4142
    """
    a, s = source.coefficients(t)
    t_target = target.time_of(a, s)
    a_target, s_target = target.coefficients(t_target)
    scale = torch.hypot(a_target, s_target) / torch.hypot(a, s)
    return spread(scale, z) * z, t_target


_TABLES: dict[tuple[Betas, bool, torch.device], Tensor] = {}


def _table(betas: Betas, zero_terminal_snr: bool, device: torch.device) -> Tensor:
    """`(α, σ)` at t = 0, 1/T … 1, `[2, T + 1]`, made once; the ends are exact."""
    key = betas, zero_terminal_snr, device
    if key in _TABLES:
        return _TABLES[key]
    with torch.device("cpu"):
        signal = betas.products().sqrt()
        if zero_terminal_snr:
            signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
        signal = torch.cat([torch.ones(1, dtype=torch.float64), signal])
    table = torch.stack([signal, (1 - signal.square()).sqrt()]).float().to(device)
    if type(table) is Tensor:  # where only costs are counted (dry_run) it holds no numbers
        _TABLES[key] = table
    return table
