"""Learning rates of parts of a network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

OptimizerFactory = Callable[[Iterable[nn.Parameter] | Iterable[dict[str, Any]]], Optimizer]


class RateFactors:
    """Factors of the learning rate.

    Args:
        factors: dotted name of a part of the network → factor; of several that hold a parameter the longest
            name counts.
        trained: names of the parameters that train.

    Raises:
        ValueError: a factor is not positive, or no parameter that trains is in its part.
    """

    def __init__(self, factors: Mapping[str, float], trained: Collection[str]) -> None:
        for part, factor in factors.items():
            if not factor > 0 or not any(is_in(name, part) for name in trained):
                raise ValueError(
                    f"rate_factors must map parts that train to positive factors, got {part!r}: {factor}"
                )
        self._factors = dict(factors)

    def of(self, parameter: str) -> float:
        """The factor of a parameter, by its dotted name."""
        parts = [part for part in self._factors if is_in(parameter, part)]
        return self._factors[max(parts, key=len)] if parts else 1.0


def grouped_optimizer(
    make: OptimizerFactory, parameters: Mapping[str, nn.Parameter], factor: Callable[[str], float]
) -> Optimizer:
    """An optimizer of named parameters, one group for each factor of the learning rate.

    Args:
        make: makes the optimizer.
        parameters: by their names.
        factor: of a parameter, by its name.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(factor(name), []).append(parameter)
    optimizer = make([{"params": group} for group in groups.values()])
    for group, its_factor in zip(optimizer.param_groups, groups, strict=True):
        group["lr"] *= its_factor
    return optimizer


def is_in(parameter: str, part: str) -> bool:
    """Whether a parameter belongs to a part of the network, both by their dotted names."""
    return not part or parameter.startswith(f"{part}.")
