"""One training run, from a configuration to its folder of results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models import LatentInpainter, save_model
from latent_inpaint.models.parts import describes
from latent_inpaint.models.storage import WEIGHTS_NAME, load_weights, read_checkpoint
from latent_inpaint.training.caching import cache_latents
from latent_inpaint.training.checkpoints import (
    LAST_NAME,
    initialise_adversaries,
    initialise_from,
    network_weights,
)
from latent_inpaint.training.checks import check_trainer
from latent_inpaint.training.distributed import is_first, joined_processes, n_processes, share
from latent_inpaint.training.fitting import be_quiet, fit
from latent_inpaint.training.folders import checkpoint_to_resume, run_folder
from latent_inpaint.training.pretraining import (
    autoencoder_data,
    autoencoder_folder,
    autoencoder_recipe,
    install_autoencoder,
    train_autoencoder,
)
from latent_inpaint.training.stages import (
    Stage,
    check_copies,
    copied,
    hand_over,
    planned_stages,
    stage_to_resume,
)

log = logging.getLogger(__name__)


def train(cfg: DictConfig, evaluate: Callable[[Any, Path], None] | None = None) -> Path:
    """Train what `cfg` describes and return the run's folder.

    A configuration without `training` (the experiment `autoencoder`) is stage 1 alone.

    Args:
        cfg: see `conf/train.yaml`.
        evaluate: called at the end with the data module and the run's folder, unless that holds an
            autoencoder alone; of several processes in the first one.
    """
    be_quiet()
    check_trainer(cfg.trainer)
    with joined_processes(cfg.trainer.accelerator) as first:
        datamodule = instantiate(cfg.data if cfg.training is not None else autoencoder_data(cfg))
        datamodule.setup()
        if datamodule.summary()["val_crops"] < n_processes():  # one without any would wait for ever
            raise ValueError(f"data: too few validation pictures for {n_processes()} processes")
        resume = share(lambda: checkpoint_to_resume(cfg))
        stages = planned_stages(cfg) if cfg.training is not None else []
        if resume is None:
            check_stages(stages, cfg)  # before anything is written
        elif stages:
            stages = stages[stages.index(stage_to_resume(stages, resume)) :]
        run = share(lambda: run_folder(cfg, resume))
        log.info("Results go to %s", run)
        if stages:
            train_inpainting(cfg, stages, datamodule, run, resume)
        else:
            train_autoencoder(cfg, datamodule, run, resume, run_card(cfg))
    if first and cfg.training is not None and evaluate is not None:
        evaluate(datamodule, run)
    log.info("Results: %s (pictures: %s)", run, run / "samples" / "progress.png")
    return run


def check_stages(stages: Sequence[Stage], cfg: DictConfig) -> None:
    """Build the module of each stage once, so that what is wrong shows now.

    Raises:
        ValueError: names the key of a term or an optimizer that cannot be.
    """
    for stage in stages:
        module = stage.build(instantiate(cfg.model.network))
        check_copies(stage, module)
        try:
            module.configure_optimizers()
        except TypeError as error:
            raise ValueError(f"training.optimizer: {error}") from error


def train_inpainting(
    cfg: DictConfig, stages: Sequence[Stage], datamodule: Any, run: Path, resume: Path | None
) -> None:
    """The given stages, the first of which is the one to resume, after the autoencoder's."""
    model = build_model(cfg, datamodule, resume)
    if cfg.init_from is not None and resume is None:
        initialise_from(model, cfg.init_from)
    last = run / "checkpoints" / LAST_NAME
    ends = {stage.name: stage.last_step for stage in planned_stages(cfg)}
    device = "cuda" if cfg.trainer.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    there = {} if resume is None else read_checkpoint(resume)
    if there.get("global_step", -1) >= stages[-1].last_step:
        log.info("%s is finished: there is nothing to train (trainer.max_steps goes on)", run)
        if (run / "model" / WEIGHTS_NAME).is_file() and describes(there.get("model_description"), model):
            return
    for stage in stages:
        module = stage.build(model)
        if stage is stages[0] and cfg.init_from is not None and resume is None:
            judges: Any = {name: each.discriminator for name, each in module.adversaries.items()}
            initialise_adversaries(judges, cfg.init_from)
            module.load_state_dict(copied(module.state_dict(), stage.copies))
        if stage is not stages[0]:
            share(partial(hand_over, last, module, stage))
            resume = last
        cache_latents(module, datamodule, Path(cfg.paths.cache) / "latents", device)
        number = 2 + list(ends).index(stage.name)
        trainer = fit(cfg, stage, ends, module, datamodule, run, f"Stage {number}: {stage.name}", resume)
        if trainer.global_step < stage.last_step:
            break  # max_time, early stopping: a resumed run goes on in this stage
    if is_first():
        if last.is_file():  # a run that is resumed after its last step does not hold the averaged weights
            load_weights(model, network_weights(last), str(last))
        save_model(model, run / "model", card=run_card(cfg))


def build_model(cfg: DictConfig, datamodule: Any, resume: Path | None) -> LatentInpainter:
    """The network with the pretrained autoencoder in it; a resumed run's weights come from its checkpoint."""
    folder = None
    if resume is None and cfg.init_from is not None and _brings_autoencoder(cfg):
        log.info("init_from=%s: it brings an autoencoder, stage 1 is not needed", cfg.init_from)
        folder = cfg.init_from
    elif resume is None and cfg.autoencoder.training is not None:
        folder = autoencoder_folder(
            cfg.autoencoder.checkpoint,
            autoencoder_recipe(cfg, datamodule),
            Path(cfg.paths.cache) / "autoencoder",
            lambda folder, last: train_autoencoder(
                cfg, datamodule.with_batch_size(autoencoder_data(cfg).batch_size), folder, last, run_card(cfg)
            ),
        )
    pl.seed_everything(cfg.seed, verbose=False)
    model = instantiate(cfg.model.network)
    if folder is not None:
        install_autoencoder(model, folder)
    return model


def _brings_autoencoder(cfg: DictConfig) -> bool:
    """Whether `init_from` has all weights of the configured encoder and decoder."""
    weights = network_weights(cfg.init_from)
    parts = instantiate(cfg.model.network).state_dict().items()
    own = {name: w.shape for name, w in parts if name.startswith(("encoder.", "decoder."))}
    return all(name in weights and weights[name].shape == shape for name, shape in own.items())


def run_card(cfg: DictConfig) -> dict[str, Any]:
    """Where a model's weights come from: the configuration and the time."""
    config = OmegaConf.to_container(cfg, resolve=True)
    return {"trained": datetime.now().isoformat(timespec="seconds"), "config": config}
