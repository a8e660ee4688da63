"""An exponential moving average of the weights: what is validated, saved and used."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn

from latent_inpaint.data import Batch
from latent_inpaint.models.norm import batch_norms
from latent_inpaint.training.distributed import SyncTrainedBatchNorm, n_processes

WARM_UP = 4  # before the decay sets the horizon, the average is over the last quarter of the steps or so


CALIBRATION_BATCHES = 16


class WeightEMA(WeightAveraging):
    """Weights after step n: `θ̄ ← θ̄ + w (θ − θ̄)`, `w = max(1 − decay, 4/(n + 5))`.

    It does what a falling learning rate does, without the run having to know when it ends: a resumed run goes
    on exactly. Checkpoints hold the average as their weights, and the current weights beside it.

    The averaged network's BatchNorm statistics are not those of the weights on the way, averaged: before a
    validation and after the last step they are measured anew, on the first training batches (Izmailov et al.,
    "Averaging weights leads to wider optima", 2018, section 3.2; Wu and Johnson, "Rethinking 'Batch' in
    BatchNorm", 2021). Statistics that are fixed stay as they are.

    Args:
        decay: in [0, 1); 0.995 averages over the last 200 steps or so.
    """

    def __init__(self, decay: float = 0.995) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self._batches: list[Batch] | None = None
        self._pairs: list[tuple[list[Tensor], list[Tensor]]] | None = None
        self._count = 0
        super().__init__()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Copy the module; whose tensors belong together is found at the first step."""
        self._pairs = None
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Average; after the last step, before it is saved, also measure the statistics."""
        if trainer.global_step > self._latest_update_step:
            self._update(pl_module)
            self._latest_update_step = trainer.global_step
        if trainer.global_step == trainer.max_steps:
            self._measure_statistics(trainer)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the averaged weights, with statistics of their own."""
        if trainer.global_step < trainer.max_steps:
            self._measure_statistics(trainer)
        super().on_validation_epoch_start(trainer, pl_module)

    @torch.no_grad()
    def _measure_statistics(self, trainer: pl.Trainer) -> None:
        """Set the averaged network's running statistics to the mean of those of the calibration batches."""
        assert self._average_model is not None
        module: Any = self._average_model.module
        module.train()
        synchronised = SyncTrainedBatchNorm() if n_processes() > 1 else None
        if synchronised is not None:
            synchronised.apply(module.model)
        norms = [norm for norm in batch_norms(module.model) if norm.training]
        momenta = [norm.momentum for norm in norms]
        drawn = [torch.Generator().manual_seed(0)] if getattr(module.model, "multiple", False) else []
        for index, batch in enumerate(self._calibration(trainer) if norms else ()):
            for norm in norms:
                norm.momentum = 1 / (index + 1)  # a plain mean, which forgets what was there
            image, mask = batch.image.to(module.device), batch.mask.to(module.device)
            with trainer.precision_plugin.forward_context():
                module.model(image, mask, *drawn)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        if synchronised is not None:
            synchronised.revert(module.model)

    def _calibration(self, trainer: pl.Trainer) -> list[Batch]:
        if self._batches is None:
            datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
            self._batches = datamodule.first_batches(CALIBRATION_BATCHES)
        return self._batches

    @torch.no_grad()
    def _update(self, pl_module: pl.LightningModule) -> None:
        """All tensors at once, and the count is kept on the host: a step does not wait for it."""
        assert self._average_model is not None
        if self._pairs is None:
            self._pairs = _pairs(self._average_model.module, pl_module)
            self._count = int(self._average_model.n_averaged)
        (averages, currents), (counts, current_counts) = self._pairs
        if self._count == 0:
            torch._foreach_copy_(averages, currents)
        else:
            weight = max(1 - self.decay, WARM_UP / (self._count + WARM_UP + 1))
            torch._foreach_lerp_(averages, currents, weight)
        if counts:
            torch._foreach_copy_(counts, current_counts)
        self._average_model.n_averaged += 1
        self._count += 1


def _pairs(average: nn.Module, current: nn.Module) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Averages with the tensors that they are of: first what is averaged, then what is copied (counts)."""
    found: list[tuple[list[Tensor], list[Tensor]]] = [([], []), ([], [])]
    for ours, theirs in zip(_tensors(average), _tensors(current), strict=True):
        averages, currents = found[0 if ours.is_floating_point() else 1]
        averages.append(ours.detach())
        currents.append(theirs.detach())
    return found


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    return itertools.chain(module.parameters(), module.buffers())
