"""The last steps of a training, with losses of their own: a decoder learns to read what the refiner gives."""

from __future__ import annotations

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

    Raises:
        ValueError: `after` is below 1, or the losses have no term of positive weight.
    """

    def __init__(self, after: int, trainable: Iterable[str], losses: Mapping[str, LossTerm]) -> None:
        super().__init__()
        if after < 1:
            raise ValueError(f"last_phase.after must be at least 1, got {after}")
        self.after = after
        self.trainable = list(trainable)
        self.objective = Objective(losses)
