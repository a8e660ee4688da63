"""Stage 1 of the thesis: the autoencoder learns `D(E(x)) ≈ x` on whole pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.models import Autoencoder
from latent_inpaint.training.base import OptimizerFactory, SchedulerFactory, TrainingModule


class Reconstruction:
    """What the autoencoder makes of a batch: `.image` and `.prediction`, both `[B, 3, H, W]` in [0, 1]."""

    def __init__(self, model: Autoencoder, image: Tensor) -> None:
        self.image = image
        self.prediction = model(image)


class AutoencoderTraining(TrainingModule):
    """Trains encoder and decoder together; logs the reconstruction's PSNR on held-out pictures.

    Args:
        model: the autoencoder.
        losses: terms that look at `.image` and `.prediction` (the thesis: mean squared error).
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
    """

    def __init__(
        self,
        model: Autoencoder,
        losses: Mapping[str, LossTerm],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
    ) -> None:
        super().__init__(model, losses, [""], optimizer, scheduler, gradient_clip)

    def outputs(self, batch: Batch) -> Reconstruction:
        """The reconstruction of the whole pictures; masks play no part."""
        return Reconstruction(self.model, batch.image)  # type: ignore[arg-type]

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log the mean PSNR in dB (data range 1) of single pictures; return the reconstructions."""
        reconstruction = self.model(batch.image)
        mse = (reconstruction - batch.image).square().mean(dim=(1, 2, 3))
        psnr = -10 * torch.log10(mse.clamp_min(1e-10))
        self.log_validation({"psnr": psnr.mean()}, len(psnr), prog_bar=True)
        return reconstruction
