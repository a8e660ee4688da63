"""PD-lite0 and FD-lite0 of the held-out pictures while training goes on: curves, not only a last value."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.metrics.frechet import frechet_between
from latent_inpaint.metrics.frechet_features import Lite0FrechetFeatures
from latent_inpaint.metrics.perceptual import lite0_perceptual_distance
from latent_inpaint.models.backbones import Lite0Features
from latent_inpaint.training.distributed import gathered


class ValidationQuality(Callback):
    """Logs `val/pd_lite0` and `val/fd_lite0` of the composites that `validation_step` returns.

    They are the numbers of the final table, but for the float32 sums of a batch. The networks are frozen and
    are made at the first validation; the truths' features are kept from one validation to the next.
    """

    def __init__(self) -> None:
        self._networks: tuple[Lite0Features, Lite0FrechetFeatures] | None = None
        self._true: dict[str, Tensor] = {}
        self._start()

    def _start(self) -> None:
        self._distances: dict[str, float] = {}
        self._features: dict[str, Tensor] = {}

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the validation before."""
        self._start()
        perceptual, frechet = self._networks or (Lite0Features(), Lite0FrechetFeatures())
        self._networks = perceptual.to(pl_module.device), frechet.to(pl_module.device)

    @torch.no_grad()
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure a batch of composites `[B, 3, H, W]`, or of an autoencoder's pictures."""
        assert self._networks is not None
        perceptual, frechet = self._networks
        outputs = outputs.float()  # an autocast decoder's are in half precision
        distances = lite0_perceptual_distance(perceptual(outputs), perceptual(batch.truth))
        self._distances |= dict(zip(batch.name, distances.tolist(), strict=True))
        self._features |= dict(zip(batch.name, frechet(outputs).cpu(), strict=True))
        if any(name not in self._true for name in batch.name):
            self._true |= dict(zip(batch.name, frechet(batch.truth).cpu(), strict=True))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log both, over the pictures of all processes."""
        distances: dict[str, float] = {}
        features: dict[str, tuple[Tensor, Tensor]] = {}
        mine = self._distances, {name: (x, self._true[name]) for name, x in self._features.items()}
        for their_distances, their_features in gathered(mine):
            distances |= their_distances
            features |= their_features
        pl_module.log("val/pd_lite0", sum(distances.values()) / len(distances), rank_zero_only=True)
        if len(features) > 1:
            fake, true = (torch.stack(side) for side in zip(*features.values(), strict=True))
            pl_module.log("val/fd_lite0", frechet_between(fake, true), rank_zero_only=True)
