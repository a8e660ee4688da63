"""What a training step costs, without running one: parameters, operations, memory.

The step runs on fake tensors, which have shapes and no contents. The numbers are exact for what PyTorch
allocates and for the operations it is asked for; what a library takes for its own work comes on top.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from latent_inpaint.data import Batch
from latent_inpaint.training.adversarial import AdversarialTraining
from latent_inpaint.training.base import TrainingModule

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


class StepMeter(TorchDispatchMode):
    """Counts the operations made while it is active, and the bytes of the tensors they make while these live.

    Attributes:
        flops: floating-point operations of convolutions, matrix products and FFTs.
        live: bytes alive now.
        peak: the most there were at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` and count it and what it makes."""
        outputs = func(*args, **(kwargs or {}))
        self.flops += flops_of(func._overloadpacket, args, kwargs or {}, outputs)
        for tensor in tree_leaves(outputs):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return outputs

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Leave tensors out that are there already."""
        self._known |= {tensor.untyped_storage()._cdata for tensor in tensors}

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, n_bytes = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.live += n_bytes
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._forget, key, n_bytes)

    def _forget(self, key: int, n_bytes: int) -> None:
        self._known.discard(key)
        self.live -= n_bytes


def dry_run(cfg: DictConfig) -> str:
    """What `cfg` would cost, as text; stage 1 where that is all it describes."""
    cost = step_cost(cfg)
    title = f"{cfg.experiment_name}: {cfg.data.size}², batch {cfg.data.batch_size}, {cfg.trainer.precision}"
    return "\n".join([title, *_lines(cost)])


def step_cost(cfg: DictConfig) -> StepCost:
    """Cost of a training step of `cfg`.

    Raises:
        ValueError: a precision that is not known here.
    """
    if cfg.trainer.precision not in _PRECISIONS:
        expected = " or ".join(_PRECISIONS)
        raise ValueError(f"trainer.precision: dry_run knows {expected}, got {cfg.trainer.precision!r}")
    size, batch_size = cfg.data.size, cfg.data.batch_size
    module = _module(cfg)
    state = _optimizer_tensors(module)
    mode = FakeTensorMode(allow_non_fake_inputs=True)  # networks of losses hide in lists
    empty(module, mode)
    with mode:
        batch = Batch(torch.rand(batch_size, 3, size, size), torch.ones(batch_size, 1, size, size), [])
        return _measure(module, batch, _PRECISIONS[cfg.trainer.precision], state)


def _module(cfg: DictConfig) -> TrainingModule:
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
    static = weights + average + state + BATCHES_IN_MEMORY * _bytes([batch.image, batch.mask])
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
        if isinstance(module, AdversarialTraining):
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
    terms: Any = [term for term in module.objective.terms.values() if term.weight]
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


def flops_of(packet: Any, args: Any, kwargs: Any, outputs: Any) -> float:
    """Floating-point operations of a call; 0 of all but convolutions, matrix products and FFTs."""
    if packet in flop_registry:
        return flop_registry[packet](*args, **kwargs, out_val=outputs)
    if packet not in _FFTS:
        return 0.0
    signal = outputs if packet is torch.ops.aten._fft_c2r else args[0]
    length = math.prod(signal.shape[dim] for dim in args[1])
    return _FFTS[packet] * signal.numel() * math.log2(max(2, length))


_FFTS = {torch.ops.aten._fft_c2c: 5.0, torch.ops.aten._fft_r2c: 2.5, torch.ops.aten._fft_c2r: 2.5}
"""Operations per value and log₂ of the length: 5 for complex values, as is usual, and half for real ones."""


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
