"""What a training step costs, without running one: parameters, operations, memory.

The step runs on fake tensors, which have shapes and no contents. The numbers are exact for what PyTorch
allocates and for the operations it is asked for; what a library takes for its own work comes on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from latent_inpaint.data import Batch
from latent_inpaint.training.adversarial import AdversarialTraining
from latent_inpaint.training.averaging import CALIBRATION_BATCHES
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.metering import StepMeter
from latent_inpaint.training.pretraining import autoencoder_data

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
    """What `cfg` would cost, as text; stage 1 where that is all it describes."""
    cost = step_cost(cfg)
    title = f"{cfg.experiment_name}: {cfg.data.size}², batch {cost.batch_size}, {cfg.trainer.precision}"
    lines = [title, *_lines(cost)]
    if cfg.training is not None and cfg.training.get("last_phase") is not None:
        lines += ["in its last phase", *_lines(step_cost(cfg, last_phase=True))]
    return "\n".join(lines)


def step_cost(cfg: DictConfig, last_phase: bool = False) -> StepCost:
    """Cost of a training step of `cfg`, or of one of its last phase.

    Raises:
        ValueError: a precision that is not known here.
    """
    if cfg.trainer.precision not in _PRECISIONS:
        expected = " or ".join(_PRECISIONS)
        raise ValueError(f"trainer.precision: dry_run knows {expected}, got {cfg.trainer.precision!r}")
    data = cfg.data if cfg.training is not None else autoencoder_data(cfg)
    size, batch_size = data.size, data.batch_size
    module = training_module(cfg)
    if last_phase:
        module.begin_last_phase()
    state = _optimizer_tensors(module)
    mode = FakeTensorMode(allow_non_fake_inputs=True)  # networks of losses hide in lists
    empty(module, mode)
    with mode:
        batch = Batch(torch.rand(batch_size, 3, size, size), torch.ones(batch_size, 1, size, size), [])
        return _measure(module, batch, _PRECISIONS[cfg.trainer.precision], state)


def training_module(cfg: DictConfig) -> TrainingModule:
    """The module that `cfg` trains, with random weights; stage 1's where that is all it describes."""
    if cfg.training is None:
        return instantiate(cfg.autoencoder.training, model=instantiate(cfg.autoencoder.network))
    return instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)


def empty(module: nn.Module, mode: FakeTensorMode) -> None:
    """Replace parameters and buffers by fake ones."""
    for part in module.modules():
        for name, p in part._parameters.items():
            if p is not None:
                part._parameters[name] = nn.Parameter(mode.from_tensor(p.detach()), p.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = mode.from_tensor(buffer)


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
    """One step as Lightning makes it, all but the optimizers' own; returns the bytes the graph keeps."""
    with torch.autocast("cpu", dtype) if dtype else nullcontext():
        if isinstance(module, AdversarialTraining) and not module.in_last_phase:
            return _adversarial_step(module, batch, meter)
        total = _total(module, module.outputs(batch))
    kept = meter.live
    total.backward()
    module.clip(module.parameters())
    return kept


def _adversarial_step(module: AdversarialTraining, batch: Batch, meter: StepMeter) -> int:
    outputs = module.outputs(batch)
    module.discriminator.requires_grad_(False)
    total = _total(module, outputs)
    kept = meter.live
    total.backward()
    del total
    module.clip(module.model.parameters())
    module.discriminator.requires_grad_(True)
    judgement = module.discriminator, outputs.real, outputs.fake, outputs.mask
    module.discriminator_objective(*judgement)[0].backward()
    module.clip(module.discriminator.parameters())
    return kept


def _total(module: TrainingModule, outputs: Any) -> Tensor:
    """The objective without its check for NaN, which needs contents."""
    terms: Any = [term for term in module.current_objective.terms.values() if term.weight]
    return torch.stack([term.weight * term(outputs) for term in terms]).sum()


def _optimizer_tensors(module: TrainingModule) -> int:
    """How many tensors of a parameter's size the optimizer keeps for each: two for Adam."""
    parameter = nn.Parameter(torch.zeros(2, 3))
    parameter.grad = torch.ones_like(parameter)
    optimizer = module._optimizer([parameter])
    optimizer.step()
    values = optimizer.state[parameter].values()
    return sum(torch.is_tensor(value) and value.shape == parameter.shape for value in values)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _lines(cost: StepCost) -> list[str]:
    gib = {
        name: f"{getattr(cost, name) / 2**30:.2f} GiB"
        for name in ("activations", "weights", "average", "gradients", "optimizer", "peak")
    }
    per_image = cost.activations / cost.batch_size / 2**20
    return [
        f"parameters   {cost.parameters / 1e6:.2f} M, of which {cost.trainable / 1e6:.2f} M train",
        f"operations   {cost.flops / 1e9:.2f} GFLOP an image and step, forward and backward",
        f"activations  {gib['activations']} kept for the backward pass, {per_image:.1f} MiB an image",
        f"peak         {gib['peak']}: with weights {gib['weights']}, their average {gib['average']}, "
        f"gradients {gib['gradients']}, optimizer {gib['optimizer']}",
        "             Python and the libraries, about 1 GiB, come on top",
    ]
