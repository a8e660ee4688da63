"""What a training step costs, without running one: parameters, operations, memory.

The step runs on fake tensors, which have shapes and no contents. The numbers are exact for what PyTorch
allocates and for the operations it is asked for; what a library takes for its own work comes on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from latent_inpaint.data import Batch
from latent_inpaint.instantiate import instantiate
from latent_inpaint.training.averaging import CALIBRATION_BATCHES
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.metering import StepMeter
from latent_inpaint.training.pretraining import autoencoder_data, build_autoencoder_module
from latent_inpaint.training.stages import planned_stages
from latent_inpaint.training.turns import Turn, take_turns

BATCHES_IN_MEMORY = 2
"""Lightning fetches the next batch while the network works on this one."""
_PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16}


@dataclass(frozen=True)
class StepCost:
    """What one training step needs; memory in bytes, of one process.

    Attributes:
        parameters: of the network and its discriminator.
        trainable: how many of them train, a discriminator's included.
        flops: floating-point operations of a step, forward and backward, per image: convolutions, matrix
            products and FFTs; a multiplication and an addition count as two.
        activations: what the forward pass keeps for the backward pass.
        weights: parameters and buffers.
        average: the copy that the averaging of the weights keeps.
        gradients: of the trainable parameters.
        optimizer: the optimizers' state.
        peak: the largest sum of all during a step.
        batch_size: images in a step.
    """

    parameters: int
    trainable: int
    flops: float
    activations: int
    weights: int
    average: int
    gradients: int
    optimizer: int
    peak: int
    batch_size: int


def dry_run(cfg: DictConfig) -> str:
    """What `cfg` would cost, as text, stage by stage; the autoencoder's where that is all it describes."""
    lines = []
    modules = training_modules(cfg)
    for name, module in modules.items():
        cost = module_cost(cfg, module)
        where = f", stage {name}" if len(modules) > 1 else ""
        setting = f"{cfg.data.size}², batch {cost.batch_size}, {cfg.trainer.precision}"
        lines += [f"{cfg.experiment_name}{where}: {setting}", *_lines(cost)]
    return "\n".join(lines)


def step_cost(cfg: DictConfig) -> StepCost:
    """Cost of a training step of the first stage of `cfg`."""
    return module_cost(cfg, next(iter(training_modules(cfg).values())))


def module_cost(cfg: DictConfig, module: TrainingModule) -> StepCost:
    """Cost of a step of a training module, whose tensors are replaced by fake ones.

    Raises:
        ValueError: a precision that is not known here.
    """
    if cfg.trainer.precision not in _PRECISIONS:
        expected = " or ".join(_PRECISIONS)
        raise ValueError(f"trainer.precision: dry_run knows {expected}, got {cfg.trainer.precision!r}")
    data = cfg.data if cfg.training is not None else autoencoder_data(cfg)
    size, batch_size = data.size, data.batch_size
    state = _optimizer_tensors(module.turns[0])
    mode = FakeTensorMode(allow_non_fake_inputs=True)  # networks of losses hide in lists
    empty(module, mode)
    with mode:
        batch = Batch(torch.rand(batch_size, 3, size, size), torch.ones(batch_size, 1, size, size), [])
        return _measure(module, batch, _PRECISIONS[cfg.trainer.precision], state)


def training_modules(cfg: DictConfig) -> dict[str, TrainingModule]:
    """The modules of the stages that `cfg` describes by name, with random weights; the autoencoder's where
    that is all.
    """
    if cfg.training is None:
        return {"autoencoder": build_autoencoder_module(cfg, instantiate(cfg.autoencoder.network))}
    return {stage.name: stage.build(instantiate(cfg.model.network)) for stage in planned_stages(cfg)}


def empty(module: nn.Module, mode: FakeTensorMode) -> None:
    """Replace parameters and buffers by fake ones, also where turns hold them."""
    fakes: dict[int, nn.Parameter] = {}
    for part in module.modules():
        for name, p in part._parameters.items():
            if p is not None:
                fakes[id(p)] = nn.Parameter(mode.from_tensor(p.detach()), p.requires_grad)
                part._parameters[name] = fakes[id(p)]
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = mode.from_tensor(buffer)
    for turn in getattr(module, "turns", ()):
        turn.parameters = {name: fakes[id(p)] for name, p in turn.parameters.items()}


def _measure(
    module: TrainingModule, batch: Batch, dtype: torch.dtype | None, optimizer_tensors: int
) -> StepCost:
    parameters = list(module.parameters())
    tensors = [*parameters, *module.buffers()]
    trainable = [p for p in parameters if p.requires_grad]
    weights, gradients = _bytes(tensors), _bytes(trainable)
    average = weights if module._average is not None else 0
    state = gradients * optimizer_tensors
    meter = StepMeter()
    meter.ignore([*tensors, batch.image, batch.mask])
    with meter:
        activations = _step(module, batch, meter, dtype)
    batches = BATCHES_IN_MEMORY + (CALIBRATION_BATCHES if average else 0)
    static = weights + average + state + batches * _bytes([batch.image, batch.mask])
    return StepCost(
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in trainable),
        flops=meter.flops / len(batch.image),
        activations=activations,
        weights=weights,
        average=average,
        gradients=gradients,
        optimizer=state,
        peak=static + meter.peak,
        batch_size=len(batch.image),
    )


def _step(module: TrainingModule, batch: Batch, meter: StepMeter, dtype: torch.dtype | None) -> int:
    """One step as the trainer makes it, all but the optimizers' own; returns the bytes the graph keeps."""
    kept: list[int] = []
    with torch.autocast("cpu", dtype) if dtype else nullcontext():
        outputs = module.outputs(batch)  # the autoencoder's are made at once

    def value(turn: Turn) -> Tensor:
        with torch.autocast("cpu", dtype) if dtype else nullcontext():
            total = turn.objective(outputs)[0]
        kept.append(meter.live)
        return total

    take_turns(module.turns, 0, value, Tensor.backward, Turn.clip)
    return kept[0]


def _optimizer_tensors(turn: Turn) -> int:
    """How many tensors of a parameter's size the optimizer keeps for each: two for Adam."""
    parameter = nn.Parameter(torch.zeros(2, 3))
    parameter.grad = torch.ones_like(parameter)
    optimizer = turn.optimizer([parameter])
    optimizer.step()
    values = optimizer.state[parameter].values()
    return sum(torch.is_tensor(value) and value.shape == parameter.shape for value in values)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _in_words(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.2f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"


def _lines(cost: StepCost) -> list[str]:
    size = {
        name: _in_words(getattr(cost, name))
        for name in ("activations", "weights", "average", "gradients", "optimizer", "peak")
    }
    per_image = _in_words(cost.activations / cost.batch_size)
    return [
        f"parameters   {cost.parameters / 1e6:.2f} M, of which {cost.trainable / 1e6:.2f} M train",
        f"operations   {cost.flops / 1e9:.2f} GFLOP an image and step, forward and backward",
        f"activations  {size['activations']} kept for the backward pass, {per_image} an image",
        f"peak         {size['peak']}: with weights {size['weights']}, their average {size['average']}, "
        f"gradients {size['gradients']}, optimizer {size['optimizer']}",
        "             Python and the libraries, about 1 GiB, come on top",
    ]
