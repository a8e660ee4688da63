"""What both stages share: an objective, a count of images, and that what is frozen stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from latent_inpaint.data import Batch
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.objective import NonFiniteLossError, Objective
from latent_inpaint.models.norm import batch_norms
from latent_inpaint.models.parts import describe, describes
from latent_inpaint.training.last_phase import LastPhase
from latent_inpaint.training.rates import OptimizerFactory, RateFactors, grouped_optimizer, is_in

SchedulerFactory = Callable[[Optimizer], LRScheduler]


class TrainingModule(pl.LightningModule):
    """Base of the training modules.

    Args:
        model: the network.
        losses: the objective's terms by name, each with its weight.
        trainable: dotted names of the parts of `model` that train, an empty name being all of it. The rest is
            frozen: no gradient, and always in eval mode, so that buffers do not change either.
        optimizer: makes the optimizer from the trainable parameters.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of the gradient; None for no limit.
        average: callback that averages the weights; None keeps them as the last step leaves them.
        rate_factors: dotted name of a part of `model` → factor of its learning rate, see `RateFactors`. A
            schedule that sets rates itself (OneCycleLR) overrules it.
        fixed_statistics_after: steps after which BatchNorm no longer follows the batches: what trains goes on
            with the running statistics of that step, as it is used later. None: it always follows them.
        last_phase: what trains, and by which losses, in the last steps; None: the same to the end. In one
            process only.

    Raises:
        ValueError: `trainable`, `last_phase.trainable` or `rate_factors` names nothing that is there, a
            factor is not positive, or `fixed_statistics_after` is negative.
    """

    def __init__(
        self,
        model: nn.Module,
        losses: Mapping[str, LossTerm],
        trainable: Iterable[str],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        average: Callback | None = None,
        rate_factors: Mapping[str, float] | None = None,
        fixed_statistics_after: int | None = None,
        last_phase: LastPhase | None = None,
    ) -> None:
        super().__init__()
        if fixed_statistics_after is not None and fixed_statistics_after < 0:
            raise ValueError(f"fixed_statistics_after must be at least 0, got {fixed_statistics_after}")
        self.model = model.to(memory_format=torch.channels_last)  # convolutions are faster in this layout
        self.objective = Objective(dict(losses))
        self.trainable = list(trainable)
        self.images_seen = 0
        self.gradient_clip = gradient_clip
        self._average = average
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._fixed_statistics_after = fixed_statistics_after
        self.last_phase = last_phase
        self.in_last_phase = False
        self.resumed_in_last_phase = False
        trained = self._names_in("trainable", self.trainable)
        phase = [] if last_phase is None else self._names_in("last_phase.trainable", last_phase.trainable)
        self._last_phase_only = {name for name in phase if name not in trained}
        self._rates = RateFactors(rate_factors or {}, {*trained, *phase})
        self._set_trainable(self.trainable)

    def _names_in(self, argument: str, parts: list[str]) -> list[str]:
        """Names of the parameters in parts of the network."""
        modules = dict(self.model.named_modules())
        if not parts or any(part not in modules for part in parts):
            names = [name for name, _ in self.model.named_children()]
            raise ValueError(f"{argument} must name parts of the network such as {names}, got {parts}")
        named = [name for name, _ in self.model.named_parameters()]
        return [name for name in named if any(is_in(name, part) for part in parts)]

    def _set_trainable(self, parts: list[str]) -> None:
        """Let parts of the network train and freeze the rest."""
        self.trainable = parts
        self.model.requires_grad_(False)
        for name in parts:
            self.model.get_submodule(name).requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> TrainingModule:
        """Set the trainable parts to train or eval mode; the frozen rest stays in eval mode."""
        super().train(mode)
        self.model.eval()
        for name in self.trainable:
            self.model.get_submodule(name).train(mode)
        return self

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Begin the last phase and fix the BatchNorm statistics, if it is time."""
        if self.last_phase_begins:
            self.begin_last_phase()
            if self.trainer._results is not None:  # Lightning would log the first phase's last values on
                self.trainer._results.clear()
        if self._statistics_fixed(self.global_step):
            for norm in batch_norms(self.model):
                norm.eval()

    @property
    def statistics_fixed(self) -> bool:
        """Whether BatchNorm kept its statistics in the step before this one."""
        return self._statistics_fixed(self.global_step - 1)

    def _statistics_fixed(self, step: int) -> bool:
        if self.in_last_phase and self.last_phase is not None and self.last_phase.fixed_statistics:
            return True
        return self._fixed_statistics_after is not None and step >= self._fixed_statistics_after

    @property
    def last_phase_begins(self) -> bool:
        """Whether the next step is the first of the last phase, or of a run that was resumed in it."""
        if self.last_phase is None or self.in_last_phase:
            return False
        return self.resumed_in_last_phase or self.global_step >= self.last_phase.after

    def begin_last_phase(self) -> None:
        """Train what the last phase names from here on, by its losses."""
        assert self.last_phase is not None
        self.in_last_phase = True
        self._set_trainable(self.last_phase.trainable)

    @property
    def current_objective(self) -> Objective:
        """The objective of this step."""
        return self.last_phase.objective if self.last_phase and self.in_last_phase else self.objective

    def outputs(self, batch: Batch) -> Any:
        """What the loss terms look at; stages define it."""
        raise NotImplementedError

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step: the weighted sum of the objective's terms, each logged under its own name."""
        total = self.objective_value(self.outputs(batch), batch)
        self.count(batch)
        return total

    def objective_value(self, outputs: Any, batch: Batch) -> Tensor:
        """The objective, logged term by term; where a term is not finite, the batch is kept on the disk."""
        try:
            total, terms = self.current_objective(outputs)
        except NonFiniteLossError as error:
            error.args = (f"{error}; at step {self.global_step}; the batch is kept in {self._keep(batch)}",)
            raise
        if not total.requires_grad:
            raise ValueError(
                f"{self.current_objective.key}: no term depends on the parts that train, {self.trainable}"
            )
        self.log("train/loss", total.detach(), prog_bar=True, sync_dist=True)
        self.log_dict({f"train/{name}": value for name, value in terms.items()}, sync_dist=True)
        return total

    def log_validation(self, values: Mapping[str, Tensor], size: int, prog_bar: bool = False) -> None:
        """Log the means of values over all validation pictures, given those over a batch of `size`.

        Lightning divides the processes' sum of counts by their number, in integers: times that it is exact.
        """
        weight = size * self.trainer.world_size
        named = {f"val/{name}": value for name, value in values.items()}
        self.log_dict(named, prog_bar=prog_bar, batch_size=weight, sync_dist=True)

    def count(self, batch: Batch) -> None:
        """Count the images of a step, of all processes, here and in the data module."""
        self.images_seen += batch.image.shape[0] * self.trainer.world_size
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            datamodule.images_seen = self.images_seen

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Limit the gradient's norm."""
        self.clip(self.model.parameters())

    def clip(self, parameters: Iterable[nn.Parameter]) -> None:
        """Scale the gradients of `parameters` down to the norm `gradient_clip`, if they are longer."""
        if self.gradient_clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.gradient_clip)

    def _keep(self, batch: Batch) -> Path:
        path = Path(self.trainer.default_root_dir) / "non_finite_batch.pt"
        torch.save({"image": batch.image.cpu(), "mask": batch.mask.cpu(), "name": list(batch.name)}, path)
        return path

    def configure_callbacks(self) -> list[Callback]:
        """The averaging of the weights, if there is one."""
        return [] if self._average is None else [self._average]

    def model_optimizer(self) -> Optimizer:
        """The optimizer over all that trains at some step, one group for each factor of the learning rate."""
        late = self._last_phase_only
        trains = {n: p for n, p in self.model.named_parameters() if p.requires_grad or n in late}
        return grouped_optimizer(self._optimizer, trains, self._rate_factor)

    def _rate_factor(self, parameter: str) -> float:
        factor = self._rates.of(parameter)
        if self.last_phase is not None and parameter in self._last_phase_only:
            return factor * self.last_phase.rate_factor
        return factor

    def configure_optimizers(self) -> Any:
        """The optimizer over the trainable parameters, and only those."""
        optimizer = self.model_optimizer()
        if self._scheduler is None:
            return optimizer
        return [optimizer], [{"scheduler": self._scheduler(optimizer), "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an exact continuation and `latent_inpaint.load` need."""
        checkpoint["model_description"] = describe(self.model)
        checkpoint["images_seen"] = self.images_seen
        checkpoint["in_last_phase"] = self.in_last_phase
        checkpoint["torch_rng_state"] = torch.get_rng_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the counter and the random state back.

        Raises:
            ValueError: the checkpoint is of another network.
        """
        if not describes(checkpoint.get("model_description"), self.model):
            raise ValueError("resume: the checkpoint is of another network than the configured one")
        self.images_seen = checkpoint["images_seen"]
        self.resumed_in_last_phase = checkpoint.get("in_last_phase", False)
        self._rng_state = checkpoint["torch_rng_state"]

    def on_train_start(self) -> None:
        """Restore the random state last, after everything that may draw from it."""
        state = getattr(self, "_rng_state", None)
        if state is not None:
            torch.set_rng_state(state)
