"""SIGTERM, which a cluster sends before it takes the machine away: write the checkpoint, then leave."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint


class Terminated(BaseException):
    """SIGTERM came, training has stopped; the checkpoint is the last there is."""


class StopOnSIGTERM(Checkpoint):
    """After SIGTERM the step is finished, the checkpoint written, and `Terminated` raised, in all processes.

    While it validates, when the weights are the averaged ones, nothing is written: the last checkpoint stays.
    With several processes Ctrl-C does the same, as it reaches them in different places.

    Args:
        path: of the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._received: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen. (Lightning puts the earlier handlers back when it is done.)"""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received:  # a second Ctrl-C does not wait for the step
            raise KeyboardInterrupt
        self._received = number

    def _stops(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return self._received is not None
        return trainer.strategy.reduce_boolean_decision(self._received is not None, all=False)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Write and stop at a whole step, if the signal has come to any process."""
        if pl_module.between_steps and self._stops(trainer):
            trainer.save_checkpoint(self.path, weights_only=False)
            raise Terminated(self._received)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop. Several processes, whose numbers of batches may differ here, go on to the next step."""
        if self._received and trainer.world_size == 1:
            raise Terminated(self._received)
