"""One stage's fit: Lightning's Trainer in a folder, and how it ends."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LearningRateMonitor

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.callbacks import LastCheckpoint, StepProgressBar
from latent_inpaint.training.checkpoints import LAST_NAME, RECIPE_NAME, AtomicCheckpointIO
from latent_inpaint.training.csv_log import forget_rows_after
from latent_inpaint.training.distributed import SyncTrainedBatchNorm, is_first, n_processes
from latent_inpaint.training.launch import TERMINATED
from latent_inpaint.training.signals import StopOnSIGTERM, Terminated
from latent_inpaint.training.stages import Stage, StageMark

log = logging.getLogger(__name__)

WORKER_HINT = "(the kernel does this when memory runs out: lower data.num_workers or data.cache_mb)"


class Interrupted(Exception):
    """Training was stopped by the user; the message says how to go on."""


def fit(
    cfg: DictConfig,
    stage: Stage,
    ends: Mapping[str, int],
    module: TrainingModule,
    datamodule: Any,
    folder: Path,
    title: str,
    resume: Path | None,
) -> pl.Trainer:
    """Run Lightning's Trainer in `folder` to the end of a stage.

    Args:
        cfg: the run's configuration.
        stage: which stage it is.
        ends: last step of each stage of the run, by name.
        module: the stage's training module.
        datamodule: the data.
        folder: the run's folder, or one of the autoencoders' cache.
        title: for the progress bar.
        resume: checkpoint to go on from.

    Raises:
        Interrupted: the user pressed Ctrl-C; the checkpoint is there.
        SystemExit: SIGTERM came (status 143); the checkpoint is there.
    """
    last = folder / "checkpoints" / LAST_NAME
    again = "the same command" if (folder / RECIPE_NAME).is_file() else f"resume={last}"
    if resume is not None and is_first():
        batches = cfg.trainer.get("accumulate_grad_batches") or 1  # logs count them
        forget_rows_after(folder / "metrics.csv", batches * read_checkpoint(resume)["global_step"])
    trainer = _trainer(cfg, stage, ends, folder, title, len(module.turns))
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=resume, weights_only=True)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise RuntimeError(f"{error} {WORKER_HINT}") from error
    except ConnectionError as error:  # it died while it handed a batch over
        raise RuntimeError(f"DataLoader worker exited unexpectedly: {error} {WORKER_HINT}") from error
    except Terminated as stop:
        if stop.args == (signal.SIGINT,) and n_processes() == 1:
            raise Interrupted(f"Stopped at step {trainer.global_step}; {again} goes on") from None
        log.warning("SIGTERM at step %d; %s goes on", trainer.global_step, again)
        raise SystemExit(TERMINATED) from None
    except SystemExit:  # Lightning's answer to a second Ctrl-C, or one before the first step
        if not trainer.interrupted:
            raise
        raise Interrupted(f"Stopped at step {trainer.global_step}; {again} goes on") from None
    if trainer.global_step < stage.last_step:
        log.warning(
            "%s ended at step %d of %d; %s goes on", title, trainer.global_step, stage.last_step, again
        )
    return trainer


def _trainer(
    cfg: DictConfig, stage: Stage, ends: Mapping[str, int], folder: Path, title: str, n_turns: int
) -> pl.Trainer:
    own = OmegaConf.merge(cfg, {"paths": {"run": str(folder)}, "trainer": {"max_steps": stage.last_step}})
    batches = own.trainer.get("accumulate_grad_batches") or 1
    interval = own.trainer.val_check_interval  # in steps, as everything here; Lightning counts batches
    if isinstance(interval, int):
        interval = batches * min(interval, stage.last_step - stage.first_step)
    loggers = [instantiate(logger) for logger in own.logger.values() if logger is not None]
    callbacks = [instantiate(callback) for callback in own.callbacks.values() if callback is not None]
    if not loggers:  # this one insists on a logger
        callbacks = [callback for callback in callbacks if not isinstance(callback, LearningRateMonitor)]
    last = folder / "checkpoints" / LAST_NAME
    if not any(isinstance(callback, LastCheckpoint) for callback in callbacks):  # the next stage needs it
        callbacks.append(LastCheckpoint(str(last.parent), stage.last_step))
    if own.trainer.get("strategy") is not None:
        own.trainer.strategy.find_unused_parameters = n_turns > 1  # discriminators train in turns
    return instantiate(
        own.trainer,
        default_root_dir=str(folder),
        callbacks=[*callbacks, StepProgressBar(title), StageMark(stage.name, ends), StopOnSIGTERM(last)],
        logger=loggers,
        plugins=[
            AtomicCheckpointIO(),
            *([SyncTrainedBatchNorm()] if own.trainer.get("sync_batchnorm") else []),
        ],
        accumulate_grad_batches=1,  # the module does it, in all turns
        val_check_interval=interval,
        sync_batchnorm=False,  # Lightning's own would take the frozen layers as well, and stop on CPUs
    )


def be_quiet() -> None:
    """Lightning's tips and its warnings about what is meant so here."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*mid-epoch.*",
        ".*in eval mode at the start of training.*",  # frozen parts are meant to be
        ".*LeafSpec.*",
        ".*not created with WeightAveraging.*",  # at the beginning of a stage
    ):
        warnings.filterwarnings("ignore", message=message)
