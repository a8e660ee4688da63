"""One training run, from a configuration to its folder of results: both stages, then the evaluation."""

from __future__ import annotations

import logging
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from latent_inpaint.evaluation.ceiling import ceilings
from latent_inpaint.evaluation.command import build_methods
from latent_inpaint.evaluation.networks import load_network
from latent_inpaint.evaluation.session import compare
from latent_inpaint.losses.objective import Objective
from latent_inpaint.models import LatentInpainter, save_model
from latent_inpaint.models.storage import load_weights, read_checkpoint
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.callbacks import StepProgressBar
from latent_inpaint.training.checkpoints import (
    LAST_NAME,
    AtomicCheckpointIO,
    initialise_from,
    network_weights,
)
from latent_inpaint.training.csv_log import forget_rows_after
from latent_inpaint.training.distributed import (
    SyncTrainedBatchNorm,
    is_first,
    joined_processes,
    n_processes,
    share,
)
from latent_inpaint.training.folders import checkpoint_to_resume, run_folder
from latent_inpaint.training.launch import TERMINATED
from latent_inpaint.training.pretraining import (
    RECIPE_NAME,
    autoencoder_data,
    autoencoder_folder,
    install_autoencoder,
)
from latent_inpaint.training.signals import StopOnSIGTERM, Terminated

log = logging.getLogger(__name__)

WORKER_HINT = "(the kernel does this when memory runs out: lower data.num_workers or data.cache_mb)"


class Interrupted(Exception):
    """Training was stopped by the user; the message says how to go on."""


def train(cfg: DictConfig) -> Path:
    """Train what `cfg` describes and return the run's folder.

    A configuration without `training` (the experiment `autoencoder`) is stage 1 alone. Of several processes
    all train, and the first one evaluates.
    """
    _be_quiet()
    with joined_processes(cfg.trainer.accelerator) as first:
        datamodule = instantiate(cfg.data if cfg.training is not None else autoencoder_data(cfg))
        datamodule.setup()
        if datamodule.summary()["val_crops"] < n_processes():  # one without any would wait for ever
            raise ValueError(f"data: too few validation pictures for {n_processes()} processes")
        suite = instantiate(cfg.metrics)  # before hours of training: what is wrong with its files shows now
        resume = share(lambda: checkpoint_to_resume(cfg))
        run = share(lambda: run_folder(cfg, resume))
        log.info("Results go to %s", run)
        if cfg.training is None:
            train_autoencoder(cfg, datamodule, run, resume)
        else:
            train_inpainting(cfg, datamodule, run, resume)
    if first and cfg.training is not None:
        evaluate(cfg, datamodule, suite, run)
    log.info("Results: %s (pictures: %s)", run, run / "samples" / "progress.png")
    return run


def train_inpainting(cfg: DictConfig, datamodule: Any, run: Path, resume: Path | None) -> None:
    """Stage 2, after stage 1 where its weights are missing, into the run's folder."""
    _check(cfg)  # before stage 1: what is wrong shows now
    model = build_model(cfg, datamodule, resume)
    module = instantiate(cfg.training, model=model, losses=cfg.losses)
    if cfg.init_from is not None:
        initialise_from(model, cfg.init_from)
    fit(cfg, module, datamodule, run, "Stage 2: inpainting", resume)
    last = run / "checkpoints" / LAST_NAME
    if is_first():
        if last.is_file():  # a run that is resumed after its last step does not hold the averaged weights
            load_weights(model, network_weights(last), str(last))
        save_model(model, run / "model", card=run_card(cfg))


def _check(cfg: DictConfig) -> None:
    """Refuse loss terms and a last phase that cannot be; warn of what comes too late.

    Raises:
        ValueError: in several processes gradients of what is frozen at first would not be exchanged.
    """
    if "_target_" not in cfg.training:
        raise ValueError("training: there is nothing to add to, stage 1 alone is asked for")
    Objective(instantiate(cfg.losses))
    for key in ("last_phase.after", "fixed_statistics_after"):
        step = OmegaConf.select(cfg.training, key)
        if isinstance(step, int) and step >= cfg.trainer.max_steps:
            log.warning("training.%s=%d: this run ends before, see trainer.max_steps", key, step)
    phase = cfg.training.get("last_phase")
    if phase is None:
        return
    if not isinstance(phase, DictConfig):
        raise ValueError(f"training.last_phase: choose it by +last_phase={phase}, or give null")
    if n_processes() > 1:
        raise ValueError(
            "training.last_phase: needs one process; train its parts in a second run, with init_from=RUN"
        )
    instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)


def evaluate(cfg: DictConfig, datamodule: Any, suite: Any, run: Path) -> None:
    """The table of metrics on held-out pictures, the saved network beside the configured methods."""
    network = load_network(str(run / "model"), cfg.experiment_name)
    methods = [network, *build_methods(cfg.methods, checkpoint=None), *ceilings([network])]
    names = {"data": cfg.data_name, "masks": cfg.masks_name}
    compare(methods, datamodule, suite, run, names)


def build_model(cfg: DictConfig, datamodule: Any, resume: Path | None) -> LatentInpainter:
    """The network with the pretrained autoencoder in it; a resumed run's weights come from its checkpoint."""
    folder = None
    if resume is None and cfg.autoencoder.training is not None:
        folder = autoencoder_folder(
            cfg.autoencoder.checkpoint,
            autoencoder_recipe(cfg, datamodule),
            Path(cfg.paths.cache) / "autoencoder",
            lambda folder, last: train_autoencoder(cfg, instantiate(autoencoder_data(cfg)), folder, last),
        )
    pl.seed_everything(cfg.seed, verbose=False)
    model = instantiate(cfg.model.network)
    if folder is not None:
        install_autoencoder(model, folder)
    return model


def autoencoder_recipe(cfg: DictConfig, datamodule: Any) -> dict[str, Any]:
    """What determines the autoencoder's weights, as JSON values."""
    stage = OmegaConf.to_container(cfg.autoencoder, resolve=True)
    assert isinstance(stage, dict)
    stage.pop("checkpoint")
    trainer = {key: cfg.trainer.get(key) for key in ("precision", "accumulate_grad_batches")}
    recipe = {"autoencoder": stage, "data": datamodule.fingerprint(), "trainer": trainer, "seed": cfg.seed}
    if cfg.autoencoder.training.get("disturbance") is not None:  # it may look at the masks
        recipe["masks"] = OmegaConf.to_container(cfg.data.train_masks, resolve=True)
    return recipe if n_processes() == 1 else recipe | {"processes": n_processes()}


def train_autoencoder(cfg: DictConfig, datamodule: Any, folder: Path, resume: Path | None) -> None:
    """Stage 1 into `folder`, which is a run's folder or one of the cache.

    Raises:
        ValueError: the autoencoder comes pretrained.
    """
    if cfg.autoencoder.training is None:
        raise ValueError(
            "autoencoder: it comes pretrained, there is no stage 1 to run; choose autoencoder=ffc"
        )
    pl.seed_everything(cfg.seed, verbose=False)
    module = instantiate(cfg.autoencoder.training, model=instantiate(cfg.autoencoder.network))
    stage = OmegaConf.merge(cfg, {"trainer": {"max_steps": cfg.autoencoder.max_steps}})
    assert isinstance(stage, DictConfig)
    trainer = fit(stage, module, datamodule, folder, "Stage 1: autoencoder", resume)
    if "val/psnr" not in trainer.callback_metrics:  # too few steps, or resumed after the last one
        trainer.validate(module, datamodule=datamodule, verbose=False)
    psnr = float(trainer.callback_metrics["val/psnr"])
    log.info("Stage 1: reconstruction of held-out pictures: %.2f dB", psnr)
    card = run_card(cfg) | {"val_psnr_db": psnr}
    share(lambda: save_model(module.model, folder / "model", card))


def fit(
    cfg: DictConfig, module: TrainingModule, datamodule: Any, folder: Path, title: str, resume: Path | None
) -> pl.Trainer:
    """Run Lightning's Trainer in `folder`.

    Raises:
        Interrupted: the user pressed Ctrl-C; the checkpoint is there.
        SystemExit: SIGTERM came (status 143); the checkpoint is there.
    """
    stage = OmegaConf.merge(cfg, {"paths": {"run": str(folder)}})
    last = folder / "checkpoints" / LAST_NAME
    again = "the same command" if (folder / RECIPE_NAME).is_file() else f"resume={last}"
    if resume is not None and is_first():
        forget_rows_after(folder / "metrics.csv", read_checkpoint(resume)["global_step"])
    callbacks = [instantiate(callback) for callback in stage.callbacks.values() if callback is not None]
    trainer: pl.Trainer = instantiate(
        stage.trainer,
        default_root_dir=str(folder),
        callbacks=[*callbacks, StepProgressBar(title), StopOnSIGTERM(last)],
        logger=[instantiate(logger) for logger in stage.logger.values() if logger is not None],
        plugins=[
            AtomicCheckpointIO(),
            *([SyncTrainedBatchNorm()] if stage.trainer.get("sync_batchnorm") else []),
        ],
        sync_batchnorm=False,  # Lightning's own would take the frozen layers as well, and stop on CPUs
    )
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=resume, weights_only=True)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise RuntimeError(f"{error} {WORKER_HINT}") from error
    except Terminated:
        log.warning("SIGTERM at step %d; %s goes on", trainer.global_step, again)
        raise SystemExit(TERMINATED) from None
    except SystemExit:  # Lightning's answer to Ctrl-C
        if not trainer.interrupted:
            raise
        trainer.save_checkpoint(last, weights_only=False)
        raise Interrupted(f"Stopped at step {trainer.global_step}; {again} goes on") from None
    return trainer


def run_card(cfg: DictConfig) -> dict[str, Any]:
    """Where a model's weights come from: the configuration and the time."""
    config = OmegaConf.to_container(cfg, resolve=True)
    return {"trained": datetime.now().isoformat(timespec="seconds"), "config": config}


def _be_quiet() -> None:
    """Lightning's tips and its warnings about what is meant so here."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*mid-epoch.*",
        ".*in eval mode at the start of training.*",  # frozen parts are meant to be
        ".*LeafSpec.*",
    ):
        warnings.filterwarnings("ignore", message=message)
