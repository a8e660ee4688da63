"""The autoencoder's weights for stage 2: from a file, or pretrained once and shared through a cache."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models import LatentInpainter, save_model
from latent_inpaint.models.storage import WEIGHTS_NAME, load_weights
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.checkpoints import LAST_NAME, RECIPE_NAME, network_weights
from latent_inpaint.training.distributed import held_by_first, n_processes, share
from latent_inpaint.training.fitting import fit
from latent_inpaint.training.resuming import AUTO
from latent_inpaint.training.stages import Stage

log = logging.getLogger(__name__)

RECIPE_VERSION = 2  # raise it when the same configuration would give other weights


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits of what determines the pretrained weights.

    Args:
        recipe: JSON values: architecture, data, schedule, seed.
    """
    text = json.dumps({"version": RECIPE_VERSION, **recipe}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def autoencoder_folder(
    checkpoint: str, recipe: Mapping[str, Any], cache: Path, pretrain: Callable[[Path, Path | None], None]
) -> Path:
    """Where the autoencoder's weights are; they are pretrained first where the cache has none.

    Jobs that start together wait for the one that pretrains. An interrupted pretraining goes on from its last
    checkpoint.

    Args:
        checkpoint: `auto`, or a path that must exist.
        recipe: what determines the weights; see `fingerprint`.
        cache: folder of the cache.
        pretrain: called as `pretrain(folder, resume)`; leaves `model/` in `folder`.

    Raises:
        FileNotFoundError: `checkpoint` is a path where nothing is.
    """
    if checkpoint != AUTO:
        if not Path(checkpoint).exists():
            raise FileNotFoundError(
                f"autoencoder.checkpoint={checkpoint}: no such file or folder; or use 'auto'"
            )
        return Path(checkpoint)
    from filelock import FileLock

    folder = cache / fingerprint(recipe)
    cache.mkdir(parents=True, exist_ok=True)

    def on_wait() -> None:
        log.info(f"Stage 1: waiting for the job that pretrains the autoencoder in {folder}")

    with held_by_first(FileLock(f"{folder}.lock"), on_wait):
        if share((folder / "model" / WEIGHTS_NAME).is_file):
            log.info(f"Stage 1: the pretrained autoencoder is in {folder}")
        else:
            pretrain(folder, share(lambda: _prepare(folder, recipe)))
    return folder


def autoencoder_recipe(cfg: DictConfig, datamodule: Any) -> dict[str, Any]:
    """What determines the autoencoder's weights, as JSON values."""
    stage = OmegaConf.to_container(cfg.autoencoder, resolve=True)
    assert isinstance(stage, dict)
    stage.pop("checkpoint")
    trainer = {key: cfg.trainer.get(key) for key in ("precision", "accumulate_grad_batches")}
    recipe = {"autoencoder": stage, "data": datamodule.fingerprint(), "trainer": trainer, "seed": cfg.seed}
    return recipe if n_processes() == 1 else recipe | {"processes": n_processes()}


def train_autoencoder(
    cfg: DictConfig, datamodule: Any, folder: Path, resume: Path | None, card: dict[str, Any]
) -> None:
    """Stage 1 into `folder`, which is a run's folder or one of the cache.

    Raises:
        ValueError: the autoencoder comes pretrained.
    """
    if cfg.autoencoder.training is None:
        raise ValueError(
            "autoencoder: it comes pretrained, there is no stage 1 to run; choose autoencoder=ffc"
        )
    pl.seed_everything(cfg.seed, verbose=False)
    stage = Stage("autoencoder", 0, cfg.autoencoder.max_steps, partial(build_autoencoder_module, cfg))
    module = stage.build(instantiate(cfg.autoencoder.network))
    trainer = fit(
        cfg, stage, {stage.name: stage.last_step}, module, datamodule, folder, "Stage 1: autoencoder", resume
    )
    if trainer.global_step < stage.last_step:
        raise ValueError(
            f"stage 1 ended at step {trainer.global_step} of {stage.last_step} (max_time? early stopping?); "
            "the same command goes on with it"
        )
    if "val/psnr" not in trainer.callback_metrics:  # too few steps, or resumed after the last one
        trainer.validate(module, datamodule=datamodule, verbose=False)
    psnr = trainer.callback_metrics.get("val/psnr")
    if psnr is not None:  # limit_val_batches=0
        log.info("Stage 1: reconstruction of held-out pictures: %.2f dB", psnr)
        card = card | {"val_psnr_db": float(psnr)}
    share(lambda: save_model(module.model, folder / "model", card))


def build_autoencoder_module(cfg: DictConfig, model: nn.Module) -> TrainingModule:
    """Stage 1's training module around an autoencoder."""
    accumulate = cfg.trainer.get("accumulate_grad_batches") or 1
    return instantiate(cfg.autoencoder.training, _partial_=True)(model=model, accumulate=accumulate)


def autoencoder_data(cfg: DictConfig) -> DictConfig:
    """The data's configuration for stage 1, which may have a batch size of its own."""
    batch_size = cfg.autoencoder.batch_size or cfg.data.batch_size
    return OmegaConf.merge(cfg.data, {"batch_size": batch_size})  # type: ignore[return-value]


def _prepare(folder: Path, recipe: Mapping[str, Any]) -> Path | None:
    """Make the folder; return the checkpoint of an interrupted pretraining."""
    folder.mkdir(exist_ok=True)
    (folder / RECIPE_NAME).write_text(json.dumps(dict(recipe), indent=1, sort_keys=True) + "\n")
    last = folder / "checkpoints" / LAST_NAME
    return last if last.is_file() else None


def install_autoencoder(model: LatentInpainter, source: str | Path) -> None:
    """Put pretrained weights into a network's encoder(s) and decoder.

    A fourth input channel (the mask as alpha) gets zeros: at first the network sees what the autoencoder saw.

    Raises:
        ValueError: the weights are of an autoencoder of another architecture.
    """
    weights = network_weights(source)
    encoder, decoder = (_part(weights, name) for name in ("encoder", "decoder"))
    load_weights(model.encoder, encoder, f"{source} (encoder)")
    load_weights(model.decoder, decoder, f"{source} (decoder)")
    model.guide.start_from(model.encoder)


def _part(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)}
