"""What the suite keeps of each method's pictures, and what it keeps of the truths."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.files import replacing

logger = logging.getLogger(__name__)


class MethodRecords:
    """Values and features of one method, by picture; a picture given again replaces what was there.

    Args:
        columns: names of the per-picture values.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._rows: dict[str, Tensor] = {}
        self._features: dict[str, dict[str, Tensor]] = {}

    def add(
        self, name: str, hole_fraction: float, values: dict[str, float], features: dict[str, Tensor]
    ) -> None:
        """Keep one picture's hole fraction, values by column and feature vector `[D]` by backbone."""
        row = [hole_fraction, *(values[column] for column in self.columns)]
        self._rows[name] = torch.tensor(row, dtype=torch.float64)
        for backbone, vector in features.items():
            self._features.setdefault(backbone, {})[name] = vector

    def set(self, name: str, values: dict[str, float]) -> None:
        """Change some of the values of a picture that is there."""
        row = self._rows[name] = self._rows[name].clone()
        for column, value in values.items():
            row[1 + self.columns.index(column)] = value

    @property
    def names(self) -> list[str]:
        """The pictures, sorted: results do not depend on the order in which they came."""
        return sorted(self._rows)

    @property
    def hole_fractions(self) -> np.ndarray:
        """Hole fraction `[N]` of each picture, in the order of `names`."""
        return np.array([float(self._rows[name][0]) for name in self.names])

    def values(self, column: str) -> np.ndarray:
        """Values `[N]` of one column, in the order of `names`; NaN where there is none."""
        index = 1 + self.columns.index(column)
        return np.array([float(self._rows[name][index]) for name in self.names])

    def features(self, backbone: str) -> Tensor:
        """Feature vectors `[N, D]` of one backbone, in the order of `names`."""
        return torch.stack([self._features[backbone][name] for name in self.names])

    def state_dict(self) -> dict[str, Any]:
        """Return everything as tensors and lists of names, which `torch.load` reads with weights only."""
        names = self.names
        return {
            "names": names,
            "columns": list(self.columns),
            "rows": torch.stack([self._rows[name] for name in names]) if names else torch.empty(0),
            "features": {backbone: self.features(backbone) for backbone in self._features},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Add the pictures of a saved state.

        Raises:
            ValueError: it has other columns.
        """
        if tuple(state["columns"]) != self.columns:
            raise ValueError(f"state: expected the columns {self.columns}, got {tuple(state['columns'])}")
        self._rows |= dict(zip(state["names"], state["rows"]))
        for backbone, features in state["features"].items():
            self._features.setdefault(backbone, {}).update(zip(state["names"], features))


class RealFeatures:
    """Feature vectors of the truths under one backbone, shared by all methods, kept in a file if asked to."""

    def __init__(self) -> None:
        self._features: dict[str, Tensor] = {}
        self._file: Path | None = None
        self._saved = 0

    def __contains__(self, name: str) -> bool:
        return name in self._features

    def add(self, name: str, vector: Tensor) -> None:
        """Keep the feature vector `[D]` of one truth."""
        self._features[name] = vector

    def stack(self, names: Iterable[str]) -> Tensor:
        """Return the vectors `[N, D]` of these pictures."""
        return torch.stack([self._features[name] for name in names])

    def open(self, file: Path) -> None:
        """Keep these features in `file`, and take what is in it; a file that cannot be read is a warning."""
        self._file = file
        if not file.is_file():
            return
        try:
            with np.load(file, allow_pickle=False) as stored:
                self._features |= dict(zip(stored["names"].tolist(), torch.from_numpy(stored["features"])))
        except Exception as error:  # numpy raises many kinds; features can always be computed again
            logger.warning("cached features %s are unreadable and computed again (%s)", file, error)
        self._saved = len(self._features)

    def save(self) -> None:
        """Write what is new to the file, in one step; a failure costs only time later, so it is a warning."""
        if self._file is None or len(self._features) == self._saved:
            return
        names = sorted(self._features)
        try:
            with replacing(self._file) as file:
                np.savez(file, names=np.array(names), features=self.stack(names).numpy())
            self._saved = len(self._features)
        except OSError as error:
            logger.warning("features of the real pictures could not be cached: %s", error)

    def state_dict(self) -> dict[str, Any]:
        """Return names and vectors."""
        names = sorted(self._features)
        return {"names": names, "features": self.stack(names) if names else torch.empty(0)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Add the vectors of a saved state."""
        self._features |= dict(zip(state["names"], state["features"]))
