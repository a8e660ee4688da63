"""The Lightning module that all stages share: it takes turns, and keeps what is frozen as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from latent_inpaint.data import Batch
from latent_inpaint.losses import Adversary, LatentNetwork
from latent_inpaint.losses.base import LossTerm
from latent_inpaint.losses.objective import Objective
from latent_inpaint.models.norm import batch_norms
from latent_inpaint.models.parts import describe, describes
from latent_inpaint.paths.noise import SharedGenerator
from latent_inpaint.training.distributed import n_processes
from latent_inpaint.training.finite import LossWatch
from latent_inpaint.training.randomness import random_states, restore_random_states
from latent_inpaint.training.turns import OptimizerFactory, SchedulerFactory, Turn, is_in, take_turns


class TrainingModule(pl.LightningModule):
    """Base of the training modules: whose turn it is, what is frozen, a count of images.

    Optimisation is manual; only the network's turn is counted by Lightning, so that `global_step`, and with
    it `trainer.max_steps`, counts steps whatever the number of turns.

    Args:
        model: the network.
        losses: terms of the network's objective by name, each with its weight.
        trainable: dotted names of the parts of `model` that train, an empty name being all of it. The rest is
            frozen: no gradient, and always in eval mode, so that buffers do not change either. What a part
            keeps frozen trains only if it is named itself.
        optimizer: makes the network's optimizer from the trainable parameters.
        scheduler: makes the learning rate's schedule, advanced every step; None keeps the rate constant.
        gradient_clip: largest norm of each turn's gradient; None for no limit.
        average: callback that averages the weights; None keeps them as the last step leaves them.
        rate_factors: dotted name of a part of `model` → factor of its learning rate, see `Turn`.
        fixed_statistics: BatchNorm goes on with the running statistics that it has, as it is used later,
            instead of following the batches.
        adversaries: by name; each adds its terms to the objective, under its name, and a turn. A network that
            learns beside may stand here, too.
        accumulate: batches whose mean gradient makes a step.

    Raises:
        ValueError: `trainable` names nothing that is there, a rate factor does not fit, or `accumulate` is
            below 1.
    """

    def __init__(
        self,
        model: nn.Module,
        losses: Mapping[str, LossTerm | None],
        trainable: Iterable[str],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        gradient_clip: float | None = 1.0,
        average: Callback | None = None,
        rate_factors: Mapping[str, float] | None = None,
        fixed_statistics: bool = False,
        adversaries: Mapping[str, Adversary | LatentNetwork | None] | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        if accumulate < 1:
            raise ValueError(f"accumulate must be at least 1, got {accumulate}")
        self.model = model.to(memory_format=torch.channels_last)  # convolutions are faster in this layout
        self.trainable = _checked_parts(model, trainable)
        present = {name: a for name, a in (adversaries or {}).items() if a is not None}
        self.adversaries = nn.ModuleDict(present)
        terms = {f"{name}_{term}": t for name, a in present.items() for term, t in a.terms.items()}
        self.objective = Objective({**losses, **terms})
        self.fixed_statistics = fixed_statistics
        self.accumulate = accumulate
        self.images_seen = 0
        self._accumulated = 0
        self._average = average
        self._random_states: dict[str, Any] | None = None
        self._watch = LossWatch(self._keep)
        self._freeze()
        named = list(model.named_parameters())
        trained = {
            name: p for part in self.trainable for name, p in named if is_in(name, part) and p.requires_grad
        }
        network = Turn("network", trained, self.objective, optimizer, scheduler, gradient_clip, rate_factors)
        self.turns = [network, *(_adversarys_turn(name, a, gradient_clip) for name, a in present.items())]

    def _freeze(self) -> None:
        self.model.requires_grad_(False)
        for name in self.trainable:
            self.model.get_submodule(name).requires_grad_(True)
        for (
            path,
            part,
        ) in self.model.named_modules():  # what a part keeps as it is, unless that is named itself
            for name in getattr(part, "frozen", ()):
                whole = f"{path}.{name}" if path else name
                if not any(trained == whole or is_in(trained, whole) for trained in self.trainable):
                    part.get_submodule(name).requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> TrainingModule:
        """Set the trainable parts to train or eval mode; the frozen rest stays in eval mode."""
        super().train(mode)
        self.model.eval()
        for name in self.trainable:
            self.model.get_submodule(name).train(mode)
        if self.fixed_statistics:
            for norm in batch_norms(self.model):
                norm.eval()
        return self

    def outputs(self, batch: Batch) -> Any:
        """What the loss terms look at; the modules of the stages define it."""
        raise NotImplementedError

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One batch: each turn's objective, each term logged under its own name."""
        self._watch.settle()
        outputs = self.outputs(batch)
        optimizers, step = self._optimizers(), self.global_step  # the network's move counts it up
        take_turns(
            self.turns,
            step,
            lambda turn: self._value(turn, outputs, batch, step),
            self.manual_backward,
            lambda turn: self._optimise(turn, optimizers[turn.name]),
        )
        self._accumulated = (self._accumulated + 1) % self.accumulate
        self.count(batch)

    @property
    def between_steps(self) -> bool:
        """Whether no gradients wait for further batches: only then a checkpoint is whole."""
        return self._accumulated == 0

    def _optimizers(self) -> dict[str, Any]:
        """The network's through Lightning, which counts its steps; the others bare."""
        counted, bare = _listed(self.optimizers()), _listed(self.optimizers(use_pl_optimizer=False))
        return {turn.name: o for turn, o in zip(self.turns, [counted[0], *bare[1:]], strict=True)}

    def _value(self, turn: Turn, outputs: Any, batch: Batch, step: int) -> Tensor:
        """A turn's objective, logged term by term; each is looked at, see `LossWatch`."""
        total, terms = turn.objective(outputs, step)
        self._watch.look(terms, batch, step)
        if not total.requires_grad:
            raise ValueError(
                f"{turn.objective.key}: no term depends on the parts that train, {self.trainable}"
            )
        if turn is self.turns[0]:
            self.log("train/loss", total.detach(), prog_bar=True, sync_dist=True)
        self.log_dict({f"train/{name}": value for name, value in terms.items()}, sync_dist=True)
        if self._accumulated == 0:
            for parameter in turn.parameters.values():
                parameter.grad = None
        return total / self.accumulate if self.accumulate > 1 else total

    def _optimise(self, turn: Turn, optimizer: Any) -> None:
        if self._accumulated + 1 < self.accumulate:
            return
        turn.clip()
        optimizer.step()
        if turn.name in self._schedulers:
            self._schedulers[turn.name].step()

    def log_validation(self, values: Mapping[str, Tensor], size: int, prog_bar: bool = False) -> None:
        """Log the means of values over all validation pictures, given those over a batch of `size`.

        Lightning divides the processes' sum of counts by their number, in integers: times that it is exact.
        """
        weight = size * self.trainer.world_size
        named = {f"val/{name}": value for name, value in values.items()}
        self.log_dict(named, prog_bar=prog_bar, batch_size=weight, sync_dist=True)

    def count(self, batch: Batch) -> None:
        """Count the images of a batch, of all processes, here and in the data module."""
        self.images_seen += batch.image.shape[0] * self.trainer.world_size
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            datamodule.images_seen = self.images_seen

    def generator(self, batch_idx: int = 0) -> torch.Generator:
        """Of its own for each step: a resumed run draws what an uninterrupted one would, and several
        processes together what one with the batch of all would, each its part.

        Args:
            batch_idx: number of the batch in a validation, where no step is made between two.
        """
        key = [torch.initial_seed(), self.images_seen, 0, *([batch_idx] if batch_idx else [])]
        generator = SharedGenerator()
        generator.share = self.global_rank, n_processes()
        return generator.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))

    def _keep(self, batch: Batch) -> Path:
        path = Path(self.trainer.default_root_dir) / "non_finite_batch.pt"
        torch.save({"image": batch.image.cpu(), "mask": batch.mask.cpu(), "name": list(batch.name)}, path)
        return path

    def configure_callbacks(self) -> list[Callback]:
        """The averaging of the weights, if there is one."""
        return [] if self._average is None else [self._average]

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        """One optimizer for each turn, the network's first, and the schedules that there are."""
        optimizers = [turn.make_optimizer() for turn in self.turns]
        made = {turn.name: turn.make_scheduler(o) for turn, o in zip(self.turns, optimizers, strict=True)}
        self._schedulers = {name: scheduler for name, scheduler in made.items() if scheduler is not None}
        return optimizers, list(self._schedulers.values())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an exact continuation and `latent_inpaint.load` need."""
        self._watch.settle()
        checkpoint["model_description"] = describe(self.model)
        checkpoint["images_seen"] = self.images_seen
        checkpoint["random_states"] = random_states(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the counter and the random states back.

        Raises:
            ValueError: the checkpoint is of another network.
        """
        if not describes(checkpoint.get("model_description"), self.model):
            raise ValueError("resume: the checkpoint is of another network than the configured one")
        self.images_seen = checkpoint["images_seen"]
        self._random_states = checkpoint["random_states"]

    def on_validation_start(self) -> None:
        """Validate no weights that a loss which is not finite has moved."""
        self._watch.settle()

    def on_train_start(self) -> None:
        """Restore the random states last, after everything that may draw from them."""
        if self._random_states is not None:
            restore_random_states(self._random_states, self.device)


def _checked_parts(model: nn.Module, parts: Iterable[str]) -> list[str]:
    wanted, there = list(parts), dict(model.named_modules())
    if not wanted or any(part not in there for part in wanted):
        names = [name for name, _ in model.named_children()]
        raise ValueError(f"trainable must name parts of the network such as {names}, got {wanted}")
    named = [name for name, _ in model.named_parameters()]
    if not any(is_in(name, part) for name in named for part in wanted):
        raise ValueError(f"trainable must name parts that have weights, got {wanted}")
    return wanted


def _adversarys_turn(name: str, adversary: Adversary | LatentNetwork, gradient_clip: float | None) -> Turn:
    terms = {f"{name}_{term}": value for term, value in adversary.discriminator_terms.items()}
    objective = Objective(terms, key=f"adversaries.{name}")
    parameters = dict(adversary.discriminator.named_parameters())
    every = adversary.every
    return Turn(name, parameters, objective, adversary.optimizer, gradient_clip=gradient_clip, every=every)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]
