"""From pictures' values and features to a table's row: overall and by hole area, with 95 % intervals."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from latent_inpaint.metrics.frechet import frechet_between, frechet_interval
from latent_inpaint.metrics.resampling import mean_interval

DECILES = 10
Part = tuple[float | None, tuple[float, float] | None, int]  # value, interval, number of pictures


@dataclass(frozen=True)
class Pictures:
    """One method's pictures.

    Args:
        hole_fractions: `[N]`.
        values: by metric, a value per picture `[N]`, NaN where it has none; None if nothing was measured.
        features: by metric, the features of composites and truths `[N, D]`; None if nothing was measured.
    """

    hole_fractions: np.ndarray
    values: dict[str, np.ndarray | None]
    features: dict[str, tuple[Tensor, Tensor] | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.hole_fractions)

    def subset(self, rows: np.ndarray) -> "Pictures":
        """Return the pictures at these row numbers."""
        return Pictures(
            self.hole_fractions[rows],
            {key: None if v is None else v[rows] for key, v in self.values.items()},
            {key: None if f is None else (f[0][rows], f[1][rows]) for key, f in self.features.items()},
        )


def summarise(pictures: Pictures, replicates: int, seed: int) -> dict[str, Any]:
    """Return the summary over all pictures and, under "hole_area", the same per decile of hole area.

    Args:
        pictures: one method's pictures.
        replicates: number of bootstrap resamples; 0 leaves the intervals out.
        seed: of the resampling.

    Example:
        >>> pictures = Pictures(np.array([0.05, 0.05, 0.3]), {"psnr": np.array([20.0, 22.0, 30.0])})
        >>> row = summarise(pictures, replicates=0, seed=0)
        >>> row["metrics"], row["counts"], row["hole_area"][0]["metrics"]
        ({'psnr': 24.0}, {'psnr': 3}, {'psnr': 21.0})
    """
    deciles = decile(pictures.hole_fractions)
    by_area = [
        {"range": [index / DECILES, (index + 1) / DECILES]}
        | _row(pictures.subset(np.flatnonzero(deciles == index)), replicates, seed)
        for index in range(DECILES)
    ]
    return _row(pictures, replicates, seed) | {"hole_area": by_area}


def decile(hole_fractions: np.ndarray) -> np.ndarray:
    """Return the decile 0..9 of hole fractions; upper bounds belong to the decile, so 0.5 is in 40–50 %.

    Example:
        >>> decile(np.array([0.0, 0.1, 0.11, 0.5, 1.0])).tolist()
        [0, 0, 1, 4, 9]
    """
    tenths = np.round(hole_fractions * DECILES, 9)  # 0.7 · 10 is a little over 7 in floating point
    return np.clip(np.ceil(tenths).astype(int) - 1, 0, DECILES - 1)


def _row(pictures: Pictures, replicates: int, seed: int) -> dict[str, Any]:
    means = {key: _mean(values, replicates, seed) for key, values in pictures.values.items()}
    distances = {key: _distance(features, replicates, seed) for key, features in pictures.features.items()}
    parts = means | distances
    return {
        "images": len(pictures),
        "metrics": {key: part[0] for key, part in parts.items()},
        "intervals": {key: part[1] for key, part in parts.items()},
        "counts": {key: part[2] for key, part in parts.items()},
    }


def _mean(values: np.ndarray | None, replicates: int, seed: int) -> Part:
    finite = np.empty(0) if values is None else values[~np.isnan(values)]
    if not len(finite):
        return None, None, 0
    resample = len(finite) > 1 and replicates > 0
    return float(finite.mean()), mean_interval(finite, replicates, seed) if resample else None, len(finite)


def _distance(features: tuple[Tensor, Tensor] | None, replicates: int, seed: int) -> Part:
    if features is None or len(features[0]) < 2:
        return None, None, 0
    interval = frechet_interval(*features, replicates, seed) if replicates > 0 else None
    return frechet_between(*features), interval, len(features[0])
