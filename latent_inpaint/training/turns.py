"""Turns: whose parameters move, by which objective, with which optimizer, every how many steps.

The thesis' rows have one turn, the network's; each adversary adds one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from latent_inpaint.losses.objective import Objective

OptimizerFactory = Callable[[Iterable[nn.Parameter] | Iterable[dict[str, Any]]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]


class Turn:
    """One party's move in a training step.

    Args:
        name: of the party, for logs.
        parameters: what moves, by name.
        objective: what is minimised.
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning rate's schedule, advanced every time; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
        rate_factors: dotted name of a part → factor of its learning rate; of several that hold a parameter
            the longest name counts. A schedule that sets rates itself (OneCycleLR) overrules it.
        every: steps from one move to the next.

    Raises:
        ValueError: a factor is not positive, no parameter that moves is in its part, or every is below 1.
    """

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, nn.Parameter],
        objective: Objective,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        rate_factors: Mapping[str, float] | None = None,
        every: int = 1,
    ) -> None:
        self.name = name
        self.parameters = dict(parameters)
        self.objective = objective
        self.gradient_clip = gradient_clip
        self.rate_factors = dict(rate_factors or {})
        self.every = every
        self.optimizer = optimizer
        self.scheduler = scheduler
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        for part, factor in self.rate_factors.items():
            if not factor > 0 or not any(is_in(moving, part) for moving in self.parameters):
                raise ValueError(
                    f"rate_factors must map parts that train to positive factors, got {part!r}: {factor}"
                )

    def make_optimizer(self) -> Optimizer:
        """An optimizer of what moves, one group for each factor of the learning rate."""
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.parameters.items():
            groups.setdefault(self._rate_factor(name), []).append(parameter)
        optimizer = self.optimizer([{"params": group} for group in groups.values()])
        for group, factor in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] *= factor
        return optimizer

    def make_scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """The learning rate's schedule, if there is one."""
        return None if self.scheduler is None else self.scheduler(optimizer)

    def clip(self) -> None:
        """Scale the gradients down to the norm `gradient_clip`, if they are longer."""
        if self.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.gradient_clip)

    def _rate_factor(self, parameter: str) -> float:
        parts = [part for part in self.rate_factors if is_in(parameter, part)]
        return self.rate_factors[max(parts, key=len)] if parts else 1.0


def take_turns(
    turns: Sequence[Turn],
    step: int,
    value: Callable[[Turn], Tensor],
    backward: Callable[[Tensor], None],
    optimise: Callable[[Turn], None],
) -> None:
    """One training step: each party that is due moves, the network first, the others on its same outputs.

    The trainer, `dry_run` and the benchmarks make their steps here.

    Args:
        turns: the parties; the first one's parameters always require gradients, those of the others only in
            their own turns.
        step: number of the step.
        value: evaluates a turn's objective.
        backward: computes gradients.
        optimise: limits the gradients and moves the parameters.
    """
    for turn in turns:
        if step % turn.every:
            continue
        for other in turns[1:]:
            for parameter in other.parameters.values():
                parameter.requires_grad_(other is turn)
        backward(value(turn))
        optimise(turn)


def is_in(parameter: str, part: str) -> bool:
    """Whether a parameter belongs to a part of the network, both by their dotted names."""
    return not part or parameter.startswith(f"{part}.")
