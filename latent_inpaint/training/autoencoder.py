"""Stage 1 of the thesis: the autoencoder learns `D(E(x)) ≈ x` on whole pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.models import Autoencoder
from latent_inpaint.models.autoencoders.block_transform import start_from_pictures, starts_from_pictures
from latent_inpaint.training.base import OptimizerFactory, SchedulerFactory, TrainingModule
from latent_inpaint.training.disturbances import Disturbance

START_PICTURES = 512
"""Training crops that a model which starts from pictures sees first: 128k blocks of 8×8 in crops of 128²."""


@dataclass(frozen=True)
class Reconstruction:
    """What the autoencoder makes of a batch.

    Attributes:
        image: the pictures, `[B, 3, H, W]` in [0, 1].
        mask: their holes, `[B, 1, H, W]`, for terms that weigh them.
        prediction: what the decoder gave, `[B, 3, H, W]` in [0, 1].
    """

    image: Tensor
    mask: Tensor
    prediction: Tensor


class AutoencoderTraining(TrainingModule):
    """Trains encoder and decoder together; logs the reconstruction's PSNR on held-out pictures.

    Args:
        model: the autoencoder.
        losses: terms that look at pixels: squared error (the thesis), L1, perceptual.
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
        disturbance: changes the latents in training; None: they are exact (the thesis).
    """

    def __init__(
        self,
        model: Autoencoder,
        losses: Mapping[str, LossTerm],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        disturbance: Disturbance | None = None,
    ) -> None:
        super().__init__(model, losses, [""], optimizer, scheduler, gradient_clip)
        self.disturbance = disturbance

    def on_fit_start(self) -> None:
        """Let a new model that can start from pictures see some; a resumed one has its weights already.

        It comes before several processes take the first one's weights.
        """
        if self.trainer.ckpt_path is None and starts_from_pictures(self.model):
            datamodule: Any = self.trainer.datamodule  # type: ignore[attr-defined]
            batches = datamodule.first_batches(-(-START_PICTURES // datamodule.batch_size))
            start_from_pictures(self.model, (batch.image for batch in batches))

    def outputs(self, batch: Batch) -> Reconstruction:
        """The reconstruction of the whole pictures; masks say at most where the latents are disturbed."""
        model: Autoencoder = self.model  # type: ignore[assignment]
        latent = model.encoder(batch.image)
        if self.disturbance is not None:
            latent = self.disturbance(latent, batch.mask, self._generator())
        return Reconstruction(batch.image, batch.mask, model.decoder(latent))

    def _generator(self) -> torch.Generator:
        """Of its own for each step and process: a resumed run draws what an uninterrupted one would."""
        seeds = np.random.SeedSequence([torch.initial_seed(), self.images_seen, self.global_rank])
        return torch.Generator().manual_seed(int(seeds.generate_state(1)[0]))

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log the mean PSNR in dB (data range 1) of single pictures; return the reconstructions."""
        reconstruction = self.model(batch.image)
        mse = (reconstruction - batch.image).square().mean(dim=(1, 2, 3))
        psnr = -10 * torch.log10(mse.clamp_min(1e-10))
        self.log_validation({"psnr": psnr.mean()}, len(psnr), prog_bar=True)
        return reconstruction
