"""Fréchet distance between Gaussians (Heusel et al., 2017, eq. 6) in float64, and its resampling interval."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.metrics.resampling import mean_interval

_CHUNK = 4096


class GaussianStatistics:
    """Streaming mean and covariance of feature vectors, accumulated in float64 and mergeable.

    Chan et al.'s pairwise update: no difference of large numbers, and the result depends on neither the
    batch size nor the order beyond float64 rounding.

    Args:
        n_features: length of a feature vector.

    Example:
        >>> statistics = GaussianStatistics(2)
        >>> statistics.update(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
        >>> statistics.merge(GaussianStatistics.of(torch.tensor([[4.0, 2.0]])))
        >>> statistics.count, statistics.mean.tolist(), statistics.covariance.tolist()
        (3, [2.0, 2.0], [[4.0, 2.0], [2.0, 4.0]])
    """

    def __init__(self, n_features: int) -> None:
        self.count = 0
        self.mean = torch.zeros(n_features, dtype=torch.float64)
        self._scatter = torch.zeros(n_features, n_features, dtype=torch.float64)

    @classmethod
    def of(cls, features: Tensor) -> "GaussianStatistics":
        """Return the statistics of `features` `[N, D]`."""
        statistics = cls(features.shape[1])
        for chunk in features.split(_CHUNK):
            statistics.update(chunk)
        return statistics

    def update(self, features: Tensor) -> None:
        """Add feature vectors `[N, D]`.

        Raises:
            ValueError: they are not `[N, D]` of this accumulator's D.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"features: expected [N, {len(self.mean)}], got {list(features.shape)}")
        if len(features) == 0:
            return
        x = features.detach().cpu().double()
        part = GaussianStatistics(len(self.mean))
        part.count, part.mean = len(x), x.mean(0)
        centred = x - part.mean
        part._scatter = centred.T @ centred
        self.merge(part)

    def merge(self, other: "GaussianStatistics") -> None:
        """Add what another accumulator (of another chunk or process) has seen."""
        total = self.count + other.count
        if total == 0:
            return
        shift = other.mean - self.mean
        self._scatter = (
            self._scatter + other._scatter + torch.outer(shift, shift) * (self.count * other.count / total)
        )
        self.mean = self.mean + shift * (other.count / total)
        self.count = total

    @property
    def covariance(self) -> Tensor:
        """Unbiased covariance `[D, D]`.

        Raises:
            ValueError: fewer than two vectors were seen.
        """
        if self.count < 2:
            raise ValueError(f"covariance: expected at least 2 feature vectors, got {self.count}")
        return self._scatter / (self.count - 1)


def frechet_distance(mean_a: Any, cov_a: Any, mean_b: Any, cov_b: Any) -> float:
    """Return `|μa − μb|² + tr(Σa + Σb − 2 (Σa Σb)^½)`, at least 0.

    The trace of the root is the sum of the singular values of `Σa^½ Σb^½`: symmetric eigenproblems and one
    SVD, so rank-deficient covariances (fewer images than features) need no added diagonal.

    Args:
        mean_a: mean `[D]`, a torch tensor or anything numpy reads.
        cov_a: covariance `[D, D]`, symmetric positive semi-definite.
        mean_b: mean `[D]`.
        cov_b: covariance `[D, D]`.

    Raises:
        ValueError: shapes do not fit or a value is not finite.

    Example:
        >>> frechet_distance([0, 0], [[1, 0], [0, 1]], [3, 4], [[4, 0], [0, 9]])  # 25 + (1 − 2)² + (1 − 3)²
        30.0
    """
    mean_a, mean_b = _float64("mean_a", mean_a), _float64("mean_b", mean_b)
    cov_a, cov_b = _float64("cov_a", cov_a), _float64("cov_b", cov_b)
    d = mean_a.numel()
    expected = {"mean_a": (d,), "mean_b": (d,), "cov_a": (d, d), "cov_b": (d, d)}
    for (name, shape), value in zip(expected.items(), (mean_a, mean_b, cov_a, cov_b)):
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected shape {list(shape)}, got {list(value.shape)}")
    cross = torch.linalg.svdvals(_root(cov_a) @ _root(cov_b)).sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(float(distance), 0.0)


def frechet_between(features_a: Tensor, features_b: Tensor) -> float:
    """Return the Fréchet distance between two sets of feature vectors `[N, D]`, `[M, D]`; N, M at least 2.

    With fewer vectors than features the trace term comes from the N×M matrix `xa xbᵀ` of centred rows, whose
    singular values over √((N − 1)(M − 1)) are those of `Σa^½ Σb^½`.

    Example:
        >>> features = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        >>> round(frechet_between(features, features + 3), 6)  # the same shape, moved by (3, 3)
        18.0
    """
    n, m, d = len(features_a), len(features_b), features_a.shape[1]
    if min(n, m) >= 2 and max(n, m) < d:
        mean_a, xa = _centred(features_a)
        mean_b, xb = _centred(features_b)
        xa, xb = xa / (n - 1) ** 0.5, xb / (m - 1) ** 0.5
        cross = torch.linalg.svdvals(xa @ xb.T).sum()
        distance = (mean_a - mean_b).square().sum() + xa.square().sum() + xb.square().sum() - 2 * cross
        return max(float(distance), 0.0)
    a, b = GaussianStatistics.of(features_a), GaussianStatistics.of(features_b)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def frechet_interval(
    features_a: Tensor, features_b: Tensor, replicates: int, seed: int
) -> tuple[float, float]:
    """Return a 95 % interval for the Fréchet distance by resampling pictures, in pairs.

    Row i of both sets belongs to one picture, so a picture is drawn with both its rows. What is resampled is
    the distance's first-order change in the pictures' weights (one decomposition in all): recomputing the
    distance from resamples shifts it, as they hold fewer distinct pictures, and made the interval three times
    too wide for 225 pictures and 112 features. It says how far the distance scatters *at this number of
    pictures*; the bias that a Fréchet distance has at few pictures is the same for rows with as many.

    Args:
        features_a: `[N, D]`, N at least 2.
        features_b: `[N, D]`.
        replicates: number of resamples.
        seed: of the resampling.

    Raises:
        ValueError: the sets differ in shape.

    Example:
        >>> features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
        >>> fake = features + torch.rand(50, 4, generator=torch.Generator().manual_seed(1))
        >>> low, high = frechet_interval(features, fake, replicates=200, seed=0)
        >>> low < frechet_between(features, fake) < high
        True
    """
    if features_a.shape != features_b.shape:
        raise ValueError(f"features_b: expected {list(features_a.shape)}, got {list(features_b.shape)}")
    influence = frechet_influence(features_a, features_b).numpy()
    low, high = mean_interval(influence, replicates, seed)
    centre = frechet_between(features_a, features_b) - float(influence.mean())
    return max(centre + low, 0.0), max(centre + high, 0.0)


def frechet_influence(features_a: Tensor, features_b: Tensor) -> Tensor:
    """Return N × the derivative `[N]` of the distance in each picture's weight, at equal weights.

    With centred rows `xa`, `xb` and the singular value decomposition `xa xbᵀ = U S Vᵀ`, the trace term
    `tr (Σa Σb)^½` is `tr S / (N − 1)`; picture i's share of tr S is `½ (U S Uᵀ + V S Vᵀ)ᵢᵢ`.

    Args:
        features_a: `[N, D]`, N at least 2.
        features_b: `[N, D]`.

    Example:
        >>> features = torch.tensor([[0.0], [1.0], [5.0]])
        >>> influence = frechet_influence(features, features + 2)  # a shift: no picture changes the distance
        >>> bool(influence.abs().max() < 1e-9)
        True
    """
    n, d = features_a.shape
    mean_a, xa = _centred(features_a)
    mean_b, xb = _centred(features_b)
    if n <= d:
        u, s, vh = torch.linalg.svd(xa @ xb.T)
        cross = (u.square() @ s + vh.T.square() @ s) / 2
    else:
        qa, ra = torch.linalg.qr(xa)
        qb, rb = torch.linalg.qr(xb)
        u, s, vh = torch.linalg.svd(ra @ rb.T)
        cross = ((qa @ u).square() @ s + (qb @ vh.T).square() @ s) / 2
    moments = xa.square().sum(1) + xb.square().sum(1) - 2 * cross
    return 2 * (xa - xb) @ (mean_a - mean_b) + moments * (n / (n - 1))


def _centred(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean `[D]` and the centred rows `[N, D]`, in float64."""
    x = features.detach().cpu().double()
    mean = x.mean(0)
    return mean, x - mean


def _root(matrix: Tensor) -> Tensor:
    """Return the symmetric root `V diag(√λ) Vᵀ`; eigenvalues below 0 (rounding) count as 0."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _float64(name: str, value: Any) -> Tensor:
    array = (
        value.detach().cpu().double()
        if isinstance(value, Tensor)
        else torch.as_tensor(np.asarray(value, dtype=np.float64))
    )
    if not torch.isfinite(array).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return array
