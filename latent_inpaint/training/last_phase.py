"""The last steps of a training, with losses of their own: a decoder learns to read what the refiner gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from torch import nn

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.objective import Objective


class LastPhase(nn.Module):
    """From some step on other parts of the network train, and by other losses.

    It begins with the averaged weights, where there is an average: those are what is used later.

    Args:
        after: steps before it, at least 1.
        trainable: dotted names of the parts that train in it; the rest is frozen.
        losses: its terms by name, each with its weight.
        rate_factor: of the learning rate of those parts that train in it alone, above 0.
        fixed_statistics: BatchNorm keeps its statistics in it, as in use.

    Raises:
        ValueError: `after` is no integer from 1 up, `rate_factor` not above 0, or no loss has a positive
            weight.
    """

    def __init__(
        self,
        after: int,
        trainable: Iterable[str],
        losses: Mapping[str, LossTerm],
        rate_factor: float = 1.0,
        fixed_statistics: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(after, int) or after < 1:
            raise ValueError(f"after must be an integer from 1 up, got {after}")
        if not 0 < rate_factor < math.inf:
            raise ValueError(f"rate_factor must be above 0 and finite, got {rate_factor}")
        self.after = after
        self.trainable = list(trainable)
        self.objective = Objective(losses, key="training.last_phase.losses")
        self.rate_factor = rate_factor
        self.fixed_statistics = fixed_statistics
