"""Lightning modules of the stages: what a step's outputs are, and what a validation logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.metrics.image import batch_metrics
from latent_inpaint.models import Autoencoder, LatentInpainter
from latent_inpaint.models.autoencoders.block_transform import start_from_pictures, starts_from_pictures
from latent_inpaint.models.guides.controlnet import known_error
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.seeds import generator_for
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.disturbances import LatentNoise
from latent_inpaint.training.outputs import InpaintingOutputs, Reconstruction
from latent_inpaint.training.turns import OptimizerFactory, SchedulerFactory

EVALUATION_SEED = 0
START_PICTURES = 512
"""Training crops that a model which starts from pictures sees first: 128k blocks of 8×8 in crops of 128²."""


class InpaintingTraining(TrainingModule):
    """Trains the named parts of a `LatentInpainter`, whose encoder and decoder are pretrained.

    Each loss term looks at what it needs of `InpaintingOutputs`, and only that is computed. Arguments: see
    `TrainingModule`.
    """

    model: LatentInpainter

    def outputs(self, batch: Batch) -> InpaintingOutputs:
        """Lazy outputs of the batch."""
        return self._outputs(batch, 0)

    def _outputs(self, batch: Batch, batch_idx: int) -> InpaintingOutputs:
        source = None if batch.target is None else batch.image
        generator = self.generator(batch_idx)
        return InpaintingOutputs(self.model, batch.truth, batch.mask, generator, source, batch.latents)

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log SSIM, PSNR and L1 in the hole on held-out pictures, and the terms; return the composites."""
        outputs = self._outputs(batch, batch_idx)
        _, terms = self.objective(outputs)
        if isinstance(getattr(self.model, "refiner", None), GenerativeRefiner):
            assert outputs.condition.hole is not None
            terms["known_error"] = known_error(outputs.latent, outputs.target_latent, outputs.condition.hole)
        if self.model.multiple:  # drawn as the evaluation draws: by the picture's name
            drawn: Any = [generator_for(EVALUATION_SEED, name) for name in batch.name]
            filled = batch.filled(self.model(batch.image, batch.mask, drawn))
        else:
            filled = outputs.composite if batch.composites else outputs.prediction
        self.log_validation(terms | batch_metrics(filled, batch.truth, batch.mask), batch.image.shape[0])
        return filled


class AutoencoderTraining(TrainingModule):
    """Trains encoder and decoder together; logs the reconstruction's PSNR on held-out pictures.

    Args:
        model: the autoencoder.
        losses: terms that look at pixels: squared error (the thesis), L1, perceptual.
        optimizer: see `TrainingModule`; so what is not named here.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
        disturbance: noise on the latents in training; None: they are exact (the thesis).
        accumulate: batches whose mean gradient makes a step.
    """

    def __init__(
        self,
        model: Autoencoder,
        losses: Mapping[str, LossTerm | None],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        disturbance: LatentNoise | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(model, losses, [""], optimizer, scheduler, gradient_clip, accumulate=accumulate)
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
        """The reconstruction of the whole pictures; their masks play no part."""
        model: Autoencoder = self.model  # type: ignore[assignment]
        latent = model.encoder(batch.image)
        if self.disturbance is not None:
            latent = self.disturbance(latent, self.generator())
        return Reconstruction(batch.image, batch.mask, model.decoder(latent))

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log the mean PSNR in dB (data range 1) of single pictures; return the reconstructions."""
        reconstruction = self.model(batch.image)
        mse = (reconstruction - batch.image).square().mean(dim=(1, 2, 3))
        psnr = -10 * torch.log10(mse.clamp_min(1e-10))
        self.log_validation({"psnr": psnr.mean()}, len(psnr), prog_bar=True)
        return reconstruction
