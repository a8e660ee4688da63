"""What a network predicts on a path: the latent z0, the noise ε, or the velocity v.

A prediction is `p = c0·z0 + c1·ε`; with `z_t = a·z0 + s·ε` that are two equations for z0 and ε.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_inpaint.paths.path import Path, spread


@dataclass(frozen=True)
class Prediction:
    """What all three share. Tensors are `[B, C, h, w]`; times as `Path` takes them."""

    def coefficients(self, path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(c0, c1)` of `p = c0·z0 + c1·ε`."""
        raise NotImplementedError

    def determinant(self, path: Path, t: Tensor) -> Tensor:
        """`a·c1 − s·c0`; 0 where the prediction says nothing new about z0 and ε.

        At the same `z_t`, errors are related by `p̂ − p = −(determinant/s)·(ẑ0 − z0)`.
        """
        (a, s), (c0, c1) = path.coefficients(t), self.coefficients(path, t)
        return a * c1 - s * c0

    def target(self, path: Path, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What should be predicted.

        Example:
            >>> z0, noise = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 5.0)
            >>> from latent_inpaint.paths.path import LinearPath
            >>> Velocity().target(LinearPath(), z0, noise, torch.tensor([0.3])).item()
            3.0
        """
        c0, c1 = self.coefficients(path, spread(t, clean))
        return c0 * clean + c1 * noise

    def clean(self, path: Path, output: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """The estimate ẑ0 from a network's output at `z`."""
        t = spread(t, z)
        (_, s), (_, c1) = path.coefficients(t), self.coefficients(path, t)
        return (c1 * z - s * output) / self.determinant(path, t)

    def noise(self, path: Path, output: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """The estimate ε̂ from a network's output at `z`."""
        t = spread(t, z)
        (a, _), (c0, _) = path.coefficients(t), self.coefficients(path, t)
        return (a * output - c0 * z) / self.determinant(path, t)

    def from_clean(self, path: Path, clean: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """The prediction that says ẑ0 = `clean` at `z`, t > 0."""
        (a, s) = path.coefficients(spread(t, z))
        return self.target(path, clean, (z - a * clean) / s, t)


@dataclass(frozen=True)
class Clean(Prediction):
    """The latent itself (x-prediction): what a small network can represent (JiT, Li & He, 2025)."""

    def coefficients(self, path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(1, 0)`."""
        return torch.ones_like(t), torch.zeros_like(t)

    def clean(self, path: Path, output: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """The output."""
        return output


@dataclass(frozen=True)
class Noise(Prediction):
    """The noise (DDPM); ẑ0 is undefined where the path has no signal left."""

    def coefficients(self, path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
        """`(0, 1)`."""
        return torch.zeros_like(t), torch.ones_like(t)

    def noise(self, path: Path, output: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """The output."""
        return output


@dataclass(frozen=True)
class Velocity(Prediction):
    """The path's velocity: `ε − z0` on the linear, `α·ε − σ·z0` on the variance-preserving path."""

    def coefficients(self, path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the path."""
        return path.velocity(t)
