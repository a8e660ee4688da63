"""Training against a discriminator: all losses of LaMa (Suvorov et al., 2022), in pixels or in the latent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from latent_inpaint.data import Batch
from latent_inpaint.losses import AdversarialOutput, DiscriminatorObjective, LossTerm
from latent_inpaint.losses.adversarial_output import Space
from latent_inpaint.models import LatentInpainter
from latent_inpaint.training.base import OptimizerFactory, SchedulerFactory
from latent_inpaint.training.inpainting import InpaintingTraining
from latent_inpaint.training.last_phase import LastPhase


class AdversarialTraining(InpaintingTraining):
    """Each step trains the network on its objective, then the discriminator on the same output, detached.

    Optimisation is manual. Only the network's step is made through Lightning, so that `global_step`, and
    with it `trainer.max_steps`, counts batches as everywhere else. Needs a precision without gradient scaling
    (32 or bf16).

    Args:
        model: see `TrainingModule`; so `losses`, `trainable` and `optimizer`.
        losses: may hold `Adversarial` and `FeatureMatching` besides the others.
        trainable: parts of `model` that train.
        optimizer: makes the network's optimizer.
        discriminator: maps what `space` shows it to logits and features.
        discriminator_objective: what the discriminator minimises.
        discriminator_optimizer: makes the discriminator's optimizer.
        space: what the discriminator sees: `PixelSpace`, `LatentSpace`, `PictureFeatures` or
            `DecoderFeatures`.
        scheduler: makes the schedule of the network's learning rate; None keeps it constant.
        gradient_clip: largest norm of the gradient of each of the two; None for no limit.
        average: callback that averages the network's weights.
        rate_factors: of parts of the network; see `TrainingModule`.
        fixed_statistics_after: of the network; the discriminator's norms follow the batches.
        last_phase: see `TrainingModule`; in it the discriminator rests.
    """

    def __init__(
        self,
        model: LatentInpainter,
        losses: Mapping[str, LossTerm],
        trainable: Iterable[str],
        optimizer: OptimizerFactory,
        discriminator: nn.Module,
        discriminator_objective: DiscriminatorObjective,
        discriminator_optimizer: OptimizerFactory,
        space: Space,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        average: Callback | None = None,
        rate_factors: Mapping[str, float] | None = None,
        fixed_statistics_after: int | None = None,
        last_phase: LastPhase | None = None,
    ) -> None:
        super().__init__(
            model=model,
            losses=losses,
            trainable=trainable,
            optimizer=optimizer,
            scheduler=scheduler,
            gradient_clip=gradient_clip,
            average=average,
            rate_factors=rate_factors,
            fixed_statistics_after=fixed_statistics_after,
            last_phase=last_phase,
        )
        self.automatic_optimization = False
        self.discriminator = discriminator
        self.discriminator_objective = discriminator_objective
        self.space = space
        self._discriminator_optimizer = discriminator_optimizer

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        """The network's optimizer, then the discriminator's; the network's schedule, if there is one."""
        network = self.model_optimizer()
        schedulers = [] if self._scheduler is None else [self._scheduler(network)]
        return [network, self._discriminator_optimizer(self.discriminator.parameters())], schedulers

    def outputs(self, batch: Batch) -> AdversarialOutput:
        """Lazy outputs of the batch, and what the discriminator says of them."""
        return AdversarialOutput(self.model, batch.image, batch.mask, self.discriminator, self.space)

    def training_step(self, batch: Batch, batch_idx: int) -> None:  # type: ignore[override]
        """One step of the network and one of the discriminator."""
        network, _ = self.optimizers()  # type: ignore[attr-defined]
        _, discriminator = self.optimizers(use_pl_optimizer=False)  # type: ignore[misc]
        outputs = self.outputs(batch)
        self.discriminator.requires_grad_(False)
        total = self.objective_value(outputs, batch)
        network.zero_grad()
        self.manual_backward(total)
        network.step()
        if self._scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr, call-arg]
        self.discriminator.requires_grad_(True)
        if not self.in_last_phase:
            self._step_discriminator(outputs, discriminator)
        self.count(batch)

    def _step_discriminator(self, outputs: AdversarialOutput, optimizer: Optimizer) -> None:
        value, terms = self.discriminator_objective(
            self.discriminator, outputs.real, outputs.fake, outputs.mask
        )
        optimizer.zero_grad()
        self.manual_backward(value)
        self.clip(self.discriminator.parameters())
        optimizer.step()
        self.log_dict({f"train/discriminator_{name}": term for name, term in terms.items()}, sync_dist=True)
        self._log_logits(outputs.fake_logits.detach())

    def _log_logits(self, fake_logits: Tensor) -> None:
        self.log("train/fake_judged_real", (fake_logits > 0).float().mean(), sync_dist=True)
