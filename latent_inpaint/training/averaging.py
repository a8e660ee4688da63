"""An exponential moving average of the weights: what is validated, saved and used."""

from __future__ import annotations

import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

WARM_UP = 4  # before the decay sets the horizon, the average is over the last quarter of the steps or so


class WeightEMA(WeightAveraging):
    """Weights and BatchNorm statistics after step n: `θ̄ ← θ̄ + w (θ − θ̄)`, `w = max(1 − decay, 4/(n + 5))`.

    It does what a falling learning rate does, without the run having to know when it ends: a resumed run goes
    on exactly. Checkpoints hold the average as their weights, and the current weights beside it.

    Args:
        decay: in [0, 1); 0.995 averages over the last 200 steps or so.
    """

    def __init__(self, decay: float = 0.995) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        super().__init__(avg_fn=self._average)

    def _average(self, average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not average.is_floating_point():  # BatchNorm's count of batches
            return current
        weight = max(1 - self.decay, WARM_UP / (int(count) + WARM_UP + 1))
        return torch.lerp(average, current.to(average.dtype), weight)
