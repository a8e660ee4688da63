"""The objective: a weighted sum of named loss terms. A discriminator's side is one, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.shared import Shared
from latent_inpaint.spaces import Outputs

SMALLEST = 1e-20


class NonFiniteLossError(ArithmeticError):
    """A loss term is NaN or infinite; `term` is its name, `value` what it was."""

    def __init__(self, term: str, value: float) -> None:
        super().__init__(f"loss term {term!r} is {value}: the step is not taken")
        self.term = term
        self.value = value


class Objective(nn.Module):
    """Sum of named terms, each times its weight, or so weighted that it is a share of the sum (`Shared`).

    Args:
        terms: the terms by name; `None` leaves one out: so a configuration drops an inherited term.
        key: where they stand in the configuration, for errors.

    Raises:
        ValueError: a term is no LossTerm, or there is none of positive weight.
    """

    def __init__(self, terms: Mapping[str, LossTerm | None], key: str = "losses") -> None:
        super().__init__()
        self.key = key
        for name, term in terms.items():
            if term is not None and not isinstance(term, LossTerm):
                kind = type(term).__name__
                raise ValueError(f"{key}.{name}: expected a LossTerm or null, got {kind}: has it a _target_?")
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if term is not None})
        if not any(term.weight for term in self.terms.values()):
            raise ValueError(
                f"{key}: an objective needs a term of positive weight, got {sorted(terms) or 'no term'}"
            )
        shares = [term.share for term in self.terms.values() if isinstance(term, Shared)]
        self.free = 1 - sum(shares)
        if shares and (self.free <= 0 or len(shares) == len(self.terms)):
            raise ValueError(
                f"{key}: shares must leave something for a term with a weight of its own, got {shares}"
            )

    def forward(self, outputs: Outputs, step: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective `Σ weight·value`, and what is logged, detached: each term's value without its weight,
        what the term notes beside it (`TERM_NOTE`), and of a term that has a share its weight and its share
        (`TERM_weight`, `TERM_share`).

        Terms of weight 0, and those that are not due at this step, are neither computed nor returned.

        Raises:
            ValueError: a term cannot be computed, or none is due; the message begins with its name.
        """
        terms = cast(dict[str, LossTerm], dict(self.terms.items()))
        due = {name: term for name, term in terms.items() if term.weight and step % term.every == 0}
        if not due:
            raise ValueError(f"{self.key}: no term is due at step {step}; one must be evaluated every step")
        values = {name: _value(f"{self.key}.{name}", term, outputs) for name, term in due.items()}
        weights: dict[str, Any] = {
            name: term.weight * term.every for name, term in due.items() if not isinstance(term, Shared)
        }
        logged = {name: value.detach() for name, value in values.items()}
        if len(weights) < len(due):
            others = sum((weights[name] * logged[name] for name in weights), torch.zeros(()))
            for name, term in due.items():
                if isinstance(term, Shared):
                    weights[name] = term.measured_weight(logged[name], others, self.free) * term.every
                    logged[f"{name}_weight"] = weights[name]
        for name, term in due.items():
            logged |= {f"{name}_{note}": noted for note, noted in term.noted.items()}
        total = torch.stack([weights[name] * value for name, value in values.items()]).sum()
        for name, term in due.items():
            if isinstance(term, Shared):
                logged[f"{name}_share"] = weights[name] * logged[name] / total.detach().clamp_min(SMALLEST)
        return total, logged


def check_finite(values: Mapping[str, Tensor]) -> None:
    """Raise a NonFiniteLossError naming the first term that is NaN or infinite.

    Example:
        >>> check_finite({"latent_l1": torch.tensor(1.0)})
    """
    for name, value in values.items():
        if not torch.isfinite(value):
            raise NonFiniteLossError(name, value.item())


def _value(key: str, term: nn.Module, outputs: Outputs) -> Any:
    try:
        return term(outputs)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error
