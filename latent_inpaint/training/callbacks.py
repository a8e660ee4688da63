"""Callbacks: progress in steps, throughput, zero-convolution norms, sheets of samples over time."""

from __future__ import annotations

import itertools
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, TQDMProgressBar
from torch import Tensor, nn

from latent_inpaint.data import Batch, collated
from latent_inpaint.models import Autoencoder, LatentInpainter, ZeroConv
from latent_inpaint.sheets import progress_sheet, save_sheet
from latent_inpaint.training.checkpoints import LAST_NAME

PICTURE_BATCHES = 4
LINES = 20
"""Lines on the progress of a stage in a log file."""
SAID_EVERY = 300.0
"""Seconds after which there is one in any case."""

log = logging.getLogger(__name__)


class StepProgressBar(TQDMProgressBar):
    """One bar over the stage's steps (the loader is endless, so that an epoch has no length).

    Where the output is no terminal, a line now and then instead: every 20th of the steps, or five minutes.

    Args:
        title: name of the stage, shown in front of the bar.
        refresh_rate: steps between two updates.
    """

    def __init__(self, title: str, refresh_rate: int = 5) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self.title = title
        self._said = 0, 0.0  # step and time of the last line

    @property
    def total_train_batches(self) -> int:
        """Steps of the stage."""
        return self.trainer.max_steps

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start the bar; a resumed stage goes on in the middle of its only epoch, which then has no start."""
        if not sys.stdout.isatty():
            self.disable()
        self._said = trainer.global_step, time.monotonic()
        super().on_train_start()
        self.on_train_epoch_start(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Let the bar stand where the stage stands, which is not 0 after a resume."""
        self.train_progress_bar.reset(total=trainer.max_steps)
        self.train_progress_bar.n = self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.set_description(self.title)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        """Move the bar, or write a line."""
        super().on_train_batch_end(trainer, pl_module, *rest)
        (said_step, said_at), step, now = self._said, trainer.global_step, time.monotonic()
        if not self.is_disabled or not trainer.is_global_zero or step == said_step:
            return
        is_due = step % max(1, trainer.max_steps // LINES) == 0 or step == trainer.max_steps
        if is_due or now - said_at > SAID_EVERY:
            speed = (step - said_step) / (now - said_at)
            numbers = [f"{name} {value:.4g}" for name, value in self.get_metrics(trainer, pl_module).items()]
            progress = f"step {step} of {trainer.max_steps}"
            log.info("%s: %s", self.title, ", ".join([progress, f"{speed:.3g} steps/s", *numbers]))
            self._said = step, now

    def on_exception(self, *_: Any) -> None:
        """Leave the bar's line, so that the error has one of its own."""
        if self._train_progress_bar is not None:
            self._train_progress_bar.close()

    def init_validation_tqdm(self) -> Any:
        """No second bar: validation is short."""
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """The bar's numbers, without a version number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


class Throughput(Callback):
    """Logs images per second, the share of time spent waiting for data, and the time spent training.

    `speed/train_seconds` is by the clock; `speed/cpu_seconds` is the time that this process's threads
    computed, which hardly depends on what else runs on the machine. Neither counts validations.
    """

    def __init__(self) -> None:
        self.train_seconds = self.cpu_seconds = 0.0
        self._reset()

    def _reset(self) -> None:
        self._images, self._computing = 0, 0.0
        self._window_start = self._step_start = time.perf_counter()
        self._cpu_start = time.process_time()

    def _bank(self) -> float:
        """Count the time since the window began, and return it in seconds by the clock."""
        elapsed = time.perf_counter() - self._window_start
        self.train_seconds += elapsed
        self.cpu_seconds += time.process_time() - self._cpu_start
        return elapsed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clocks."""
        self._reset()

    def on_train_batch_start(self, *_: Any) -> None:
        """The batch is there: computing starts."""
        self._step_start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Log every `trainer.log_every_n_steps` steps."""
        self._images += batch.image.shape[0] * trainer.world_size
        self._computing += time.perf_counter() - self._step_start
        if not _logs_now(trainer):
            return
        elapsed = self._bank()
        pl_module.log("speed/images_per_second", self._images / elapsed)
        pl_module.log("speed/data_wait_share", max(0.0, 1 - self._computing / elapsed))
        pl_module.log("speed/train_seconds", self.train_seconds)
        pl_module.log("speed/cpu_seconds", self.cpu_seconds)
        self._reset()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What was trained since the last line counts."""
        self._bank()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation does not."""
        self._reset()

    def state_dict(self) -> dict[str, float]:
        """Seconds spent training so far."""
        return {"train_seconds": self.train_seconds, "cpu_seconds": self.cpu_seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on counting."""
        self.train_seconds = state_dict["train_seconds"]
        self.cpu_seconds = state_dict["cpu_seconds"]


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt` up to date: every so many steps, and at the last one.

    Args:
        dirpath: folder of the checkpoint.
        every_n_steps: steps between two writes; what is lost by a crash is at most this.
    """

    def __init__(self, dirpath: str, every_n_steps: int = 100) -> None:
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps must be at least 1, got {every_n_steps}")
        self.path = Path(dirpath) / LAST_NAME
        self.every_n_steps = every_n_steps
        self._written = -1

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Write, where it is time and no batch waits for further ones."""
        step = trainer.global_step
        if pl_module.between_steps and (step % self.every_n_steps == 0 or step == trainer.max_steps):
            self._write(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write what a run has come to that ends before its last step: max_time, early stopping."""
        if pl_module.between_steps and self._written != trainer.global_step:
            self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path, weights_only=False)
        self._written = trainer.global_step


class ZeroConvNorms(Callback):
    """Logs the norm of each zero convolution of a guide: 0 at first, then growing."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Log every `trainer.log_every_n_steps` steps, where the network has some."""
        if not _logs_now(trainer):
            return
        convs = [module for module in pl_module.modules() if isinstance(module, ZeroConv)]
        for stage, conv in enumerate(convs):
            pl_module.log(f"zero_conv_norm/{stage}", conv.weight.detach().norm())


class SampleSheets(Callback):
    """Writes `samples/step_*.png`: a fixed set of held-out pictures at the start and after each validation.

    The ceiling is the truth through encoder and decoder, in the hole. `samples/progress.png` puts the
    composites of all times side by side.

    Args:
        count: number of pictures, spread over the first batches.
    """

    def __init__(self, count: int = 6) -> None:
        self.count = count
        self._batch: Batch | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The network before its first step; one that goes on has its sheets already."""
        if trainer.global_step == 0:
            self._write(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The network now, its weights still the averaged ones that were validated."""
        self._write(trainer, pl_module)

    def _pictures(self, trainer: pl.Trainer) -> Batch:
        if self._batch is None:
            loader = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
            read = list(itertools.islice(loader, PICTURE_BATCHES))
            whole = collated(read)
            count = min(self.count, len(whole.image))
            chosen = [round(i * (len(whole.image) - 1) / max(1, count - 1)) for i in range(count)]
            self._batch = whole.part(chosen)
        return self._batch

    @torch.no_grad()
    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        batch = self._pictures(trainer)
        training = pl_module.training
        pl_module.eval()
        model: Any = pl_module.model
        columns = _columns(model, batch, pl_module.device)
        pl_module.train(training)
        folder = Path(trainer.default_root_dir) / "samples"
        save_sheet(columns, folder / f"step_{trainer.global_step:07d}.png")
        titles = list(columns)
        progress_sheet(folder, (titles[0], titles[-2], titles[-1])).save(folder / "progress.png")


def _logs_now(trainer: pl.Trainer) -> bool:
    return trainer.global_step % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]


def _columns(model: nn.Module, batch: Batch, device: torch.device) -> dict[str, Tensor]:
    image, mask, truth = (tensor.to(device) for tensor in (batch.image, batch.mask, batch.truth))
    if isinstance(model, Autoencoder):
        return {"input": image, "reconstruction": model(image), "truth": image}
    generator = torch.Generator().manual_seed(0)  # a sampler's noise is the same each time
    prediction, shown = model(image, mask, generator), batch._replace(image=image, mask=mask)
    columns = {"input": image * (1 - mask), "mask": mask.expand_as(image), "prediction": prediction}
    if isinstance(model, LatentInpainter):
        columns["ceiling"] = shown.filled(model.decode(model.encode(truth)))
    return {**columns, "composite": shown.filled(prediction), "truth": truth}
