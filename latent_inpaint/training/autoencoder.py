"""Stage 1 of the thesis: the autoencoder learns `D(E(x)) ≈ x` on whole pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.losses.base import LossTerm, non_negative
from latent_inpaint.models import Autoencoder
from latent_inpaint.training.base import OptimizerFactory, SchedulerFactory, TrainingModule


class Reconstruction:
    """What the autoencoder makes of a batch: `.image` and `.prediction`, both `[B, 3, H, W]` in [0, 1].

    Args:
        model: the autoencoder.
        image: pictures, `[B, 3, H, W]` in [0, 1].
        latent_noise: see `with_noise`.
        generator: of the noise; None: there is none.
    """

    def __init__(
        self,
        model: Autoencoder,
        image: Tensor,
        latent_noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        self.image = image
        latent = model.encoder(image)
        if generator is not None:
            latent = with_noise(latent, latent_noise, generator)
        self.prediction = model.decoder(latent)


def with_noise(latent: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """A latent with normal noise, so that a decoder learns to read latents that are not exact.

    Each picture draws how much: the noise's deviation is uniform between 0 and `most` times its channel's.

    Args:
        latent: `[B, C, h, w]`.
        most: 0 adds nothing.
        generator: on the CPU.
    """
    level = most * torch.rand(len(latent), 1, 1, 1, generator=generator)
    noise = level * torch.randn(latent.shape, generator=generator)
    return latent + latent.detach().std(dim=(0, 2, 3), keepdim=True) * noise.to(latent)


class AutoencoderTraining(TrainingModule):
    """Trains encoder and decoder together; logs the reconstruction's PSNR on held-out pictures.

    Args:
        model: the autoencoder.
        losses: terms that look at `.image` and `.prediction` (the thesis: mean squared error).
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
        latent_noise: largest deviation of the noise on the latents in training, as a share of each channel's
            own: a refiner's latents will not be exact either. 0: none (the thesis).

    Raises:
        ValueError: latent_noise is negative or not finite.
    """

    def __init__(
        self,
        model: Autoencoder,
        losses: Mapping[str, LossTerm],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        latent_noise: float = 0.0,
    ) -> None:
        super().__init__(model, losses, [""], optimizer, scheduler, gradient_clip)
        self.latent_noise = non_negative("latent_noise", latent_noise)

    def outputs(self, batch: Batch) -> Reconstruction:
        """The reconstruction of the whole pictures; masks play no part."""
        model: Autoencoder = self.model  # type: ignore[assignment]
        if not self.latent_noise:
            return Reconstruction(model, batch.image)
        # of its own for each step and process, so that a resumed run draws what an uninterrupted one would
        seeds = np.random.SeedSequence([torch.initial_seed(), self.images_seen, self.global_rank])
        generator = torch.Generator().manual_seed(int(seeds.generate_state(1)[0]))
        return Reconstruction(model, batch.image, self.latent_noise, generator)

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log the mean PSNR in dB (data range 1) of single pictures; return the reconstructions."""
        reconstruction = self.model(batch.image)
        mse = (reconstruction - batch.image).square().mean(dim=(1, 2, 3))
        psnr = -10 * torch.log10(mse.clamp_min(1e-10))
        self.log_validation({"psnr": psnr.mean()}, len(psnr), prog_bar=True)
        return reconstruction
