"""Stage 2 of the thesis: the refiner, and what else trains, learns to repair the masked latent."""

from __future__ import annotations

from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.metrics.image import batch_metrics
from latent_inpaint.models import InpaintingOutput, LatentInpainter
from latent_inpaint.training.base import TrainingModule


class InpaintingTraining(TrainingModule):
    """Trains the named parts of a `LatentInpainter`, whose encoder and decoder are pretrained.

    Each loss term looks at what it needs of an `InpaintingOutput`, and only that is computed. Arguments: see
    `TrainingModule`.
    """

    model: LatentInpainter

    def outputs(self, batch: Batch) -> InpaintingOutput:
        """Lazy outputs of the batch."""
        return InpaintingOutput(self.model, batch.image, batch.mask)

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log SSIM, PSNR and L1 in the hole on held-out pictures, and the terms; return the composites."""
        outputs = self.outputs(batch)
        _, terms = self.current_objective(outputs)
        values = terms | batch_metrics(outputs.composite, batch.image, batch.mask)
        self.log_validation(values, batch.image.shape[0])
        return outputs.composite
