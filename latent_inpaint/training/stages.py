"""A run is a list of stages: each a fit of its own that starts from what the stage before saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback
from torch import nn

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.checkpoints import AtomicCheckpointIO

STAGE = "stage"
STAGES = "stages"
_OF_THE_AVERAGE = ("current_model_state", "averaging_state")
_RECIPE = ("training", "losses", "adversaries")
COPIES = "copies"


@dataclass(frozen=True)
class Stage:
    """A part of a run. Steps are counted over the whole run.

    Attributes:
        name: of the stage.
        first_step: number of steps before it.
        last_step: number of steps after it.
        build: makes the training module around a network.
        copies: dotted name of a part of the network, or of a term's network (`losses.NAME.PART`), that begins
            with the weights of another one → name of that.
    """

    name: str
    first_step: int
    last_step: int
    build: Callable[[nn.Module], TrainingModule]
    copies: Mapping[str, str] = field(default_factory=dict)


def planned_stages(cfg: DictConfig) -> list[Stage]:
    """The stages of the run that `cfg` describes, after the autoencoder's.

    Each node of `stages` has `max_steps`, and what differs there from the keys `training`, `losses` and
    `adversaries`; all but a first one that begins from nothing may have `copies`.

    Raises:
        ValueError: there is no stage, one has no steps, or says what no stage can.
    """
    stages: list[Stage] = []
    for name, node in cfg.stages.items():
        unknown = set(node) - {"max_steps", COPIES, *_RECIPE}
        if unknown:
            raise ValueError(
                f"stages.{name}: expected max_steps, {COPIES}, {', '.join(_RECIPE)}; got {sorted(unknown)}"
            )
        if node.get(COPIES) and not stages and cfg.init_from is None:
            raise ValueError(f"stages.{name}.{COPIES}: without init_from the first stage has nothing to copy")
        first = stages[-1].last_step if stages else 0
        if not isinstance(node.get("max_steps"), int) or node.max_steps < 1:
            raise ValueError(f"stages.{name}.max_steps must be at least 1, got {node.get('max_steps')}")
        build = partial(build_module, _with(cfg, {key: node[key] for key in _RECIPE if key in node}))
        copies = dict(node.get(COPIES) or {})
        stages.append(Stage(str(name), first, first + node.max_steps, build, copies))
    if not stages:
        raise ValueError("stages: a run needs at least one")
    return stages


def build_module(cfg: DictConfig, model: nn.Module) -> TrainingModule:
    """The training module of a recipe (`training`, `losses`, `adversaries`) around a network.

    Adversaries are made before the losses, whose networks may draw random numbers, too.
    """
    adversaries = {name: instantiate(node) for name, node in cfg.adversaries.items()}
    losses = {name: instantiate(node) for name, node in cfg.losses.items()}
    accumulate = cfg.trainer.get("accumulate_grad_batches") or 1
    make = instantiate(cfg.training, _partial_=True)
    return make(model=model, losses=losses, adversaries=adversaries, accumulate=accumulate)


class StageMark(Callback):
    """Writes into each checkpoint which stage it is of, and the stages of its run.

    Args:
        stage: name of the stage.
        ends: last step of each stage of the run, by name.
    """

    def __init__(self, stage: str, ends: Mapping[str, int]) -> None:
        self.marks = {STAGE: stage, STAGES: dict(ends)}

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the names."""
        checkpoint |= self.marks


def stage_to_resume(stages: Sequence[Stage], checkpoint: Path) -> Stage:
    """The stage that a checkpoint was written in.

    Raises:
        ValueError: it is of a run of other stages, or of one whose earlier stages have other lengths.
    """
    state = read_checkpoint(checkpoint)
    there, here = state.get(STAGES, {}), {stage.name: stage.last_step for stage in stages}
    if list(there) != list(here):
        raise ValueError(
            f"resume={checkpoint}: its run has the stages {list(there)}, this one has {list(here)}"
        )
    for name, end in here.items():
        if name == state[STAGE]:
            break
        if there[name] != end:
            raise ValueError(
                f"resume={checkpoint}: its stage {name} ended at step {there[name]}, here at {end}: that "
                f"would be another training (stages.{name}.max_steps); begin a new run with init_from=RUN"
            )
    return next(stage for stage in stages if stage.name == state[STAGE])


def hand_over(path: Path, module: TrainingModule, stage: Stage) -> None:
    """Turn the checkpoint at a stage's end into one of the next stage's beginning, in its place.

    The averaged weights go on, some copied as the stage says, and an adversary of the same name; optimizers,
    schedules and the average begin anew. So an interrupted run goes on there as anywhere else.
    """
    checkpoint = read_checkpoint(path)
    own = module.state_dict()
    found = checkpoint["state_dict"]
    fitting = {name: w for name, w in found.items() if name in own and w.shape == own[name].shape}
    for name in _OF_THE_AVERAGE:
        checkpoint.pop(name, None)
    kept = {
        name: state for name, state in checkpoint["callbacks"].items() if not name.startswith("WeightEMA")
    }
    AtomicCheckpointIO().save_checkpoint(
        {
            **checkpoint,
            "state_dict": copied({**own, **fitting}, stage.copies),
            "optimizer_states": [],
            "lr_schedulers": [],
            "callbacks": kept,
            STAGE: stage.name,
        },
        path,
    )


def copied(state: Mapping[str, Any], copies: Mapping[str, str]) -> dict[str, Any]:
    """The state of a training module in which parts of the network have the weights of others.

    Args:
        state: tensors by name.
        copies: dotted name of a part of `model`, or of a term's (`losses.…`) → name of the part of `model`
            that it copies.

    Raises:
        ValueError: a part that is not there, or two that differ.
    """
    result = dict(state)
    for target, source in copies.items():
        into, of = _prefix(target), _prefix(source)
        found = _shapes(state, of)
        if not found or _shapes(state, into) != found:
            raise ValueError(f"copies: {target} cannot begin as {source}: they differ, or are not there")
        result |= {f"{into}{name}": state[f"{of}{name}"] for name in found}
    return result


def check_copies(stage: Stage, module: TrainingModule) -> None:
    """Whether a stage lets everything begin that has to, with weights that fit.

    Raises:
        ValueError: a term's network would begin as nothing; else see `copied`.
    """
    copied(module.state_dict(), stage.copies)
    for term, part in module.objective.terms.named_modules():
        for own in getattr(part, "begins_as", ()):
            if (name := f"losses.{term}.{own}") not in stage.copies:
                raise ValueError(
                    f"stages.{stage.name}.{COPIES}: {name} must begin as a trained part, {{{name}: PART}}"
                )


def _prefix(part: str) -> str:
    """Of the names in a training module's state."""
    root, _, rest = part.partition(".")
    return f"objective.terms.{rest}." if root == "losses" else f"model.{part}."


def _shapes(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): w.shape for name, w in state.items() if name.startswith(prefix)}


def _with(cfg: DictConfig, changes: dict[str, Any]) -> DictConfig:
    own = cfg.copy()
    OmegaConf.set_struct(own, False)
    merged = OmegaConf.merge(own, changes)
    assert isinstance(merged, DictConfig)
    return merged
