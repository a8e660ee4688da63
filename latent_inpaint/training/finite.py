"""Looks whether a step's losses are finite, on a GPU without waiting for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.losses.objective import NonFiniteLossError, check_finite


class LossWatch:
    """On the CPU a term that is not finite is an error at once, before the step is taken.

    On a GPU the host would have to wait for the forward pass. There the values are copied beside the
    computation and looked at when `settle` is called: before the next step, a validation and a checkpoint,
    so that no checkpoint holds weights that such a step has moved.

    Args:
        keep: writes a batch to the disk; says where.
    """

    def __init__(self, keep: Callable[[Any], Any]) -> None:
        self._keep = keep
        self._pending: list[tuple[list[str], Tensor, torch.cuda.Event, Any, int]] = []

    def look(self, terms: Mapping[str, Tensor], batch: Any, step: int) -> None:
        """Look at the terms of a step, or take them for a look.

        Raises:
            NonFiniteLossError: one is NaN or infinite.
        """
        if next(iter(terms.values())).device.type != "cuda":
            self._check(terms, batch, step)
            return
        values = torch.stack([value.float() for value in terms.values()])
        copied, event = torch.empty(len(values), pin_memory=True), torch.cuda.Event()
        copied.copy_(values, non_blocking=True)
        event.record()
        self._pending.append((list(terms), copied, event, batch, step))

    def settle(self) -> None:
        """Look at what was taken.

        Raises:
            NonFiniteLossError: the last step was taken with a term that is NaN or infinite.
        """
        pending, self._pending = self._pending, []
        for names, values, event, batch, step in pending:
            event.synchronize()
            self._check(dict(zip(names, values, strict=True)), batch, step)

    def _check(self, terms: Mapping[str, Tensor], batch: Any, step: int) -> None:
        try:
            check_finite(terms)
        except NonFiniteLossError as error:
            error.args = (f"{error}; at step {step}; the batch is kept in {self._keep(batch)}",)
            raise
