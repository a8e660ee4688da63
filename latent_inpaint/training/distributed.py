"""Several processes: what they agree on, and batch statistics over all of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn

from latent_inpaint.models.norm import n_processes

if TYPE_CHECKING:
    from filelock import BaseFileLock

T = TypeVar("T")
LOCK_POLL_SECONDS = 20.0  # below the time after which a collective gives up


@contextmanager
def joined_processes(accelerator: str) -> Iterator[bool]:
    """Join the processes that torchrun or SLURM started; gives True in the first one, or without others.

    Inside, `share` and Lightning's strategies reach all processes. Afterwards each is on its own.

    Args:
        accelerator: as the Trainer's; `cpu` keeps GPUs out of it.
    """
    kinds = (TorchElasticEnvironment, SLURMEnvironment)
    environment = next((kind() for kind in kinds if kind.detect()), None)
    if environment is None or environment.world_size() == 1 or dist.is_initialized():
        yield True
        return
    os.environ.setdefault("MASTER_ADDR", environment.main_address)
    os.environ.setdefault("MASTER_PORT", str(environment.main_port))
    on_gpus = accelerator != "cpu" and torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(environment.local_rank())
    rank = environment.global_rank()
    dist.init_process_group("nccl" if on_gpus else "gloo", rank=rank, world_size=environment.world_size())
    if rank > 0:
        logging.getLogger("latent_inpaint").setLevel(logging.WARNING)  # every line once
    try:
        yield rank == 0
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this is the first process, or the only one."""
    return not dist.is_initialized() or dist.get_rank() == 0


def share(decide: Callable[[], T]) -> T:
    """What `decide` returns in the first process, the only one that calls it; all wait for it."""
    if not dist.is_initialized():
        return decide()
    box = [decide() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(box, src=0)
    return box[0]  # type: ignore[return-value]


def gathered(value: T) -> list[T]:
    """The `value` of each process, in all of them."""
    if not dist.is_initialized():
        return [value]
    values: list[T | None] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


@contextmanager
def held_by_first(lock: BaseFileLock, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock, for all processes of this job, in the first one.

    Args:
        lock: between jobs.
        on_wait: called once if another job holds it.
    """
    if not share(lambda: _acquired(lock, 0)):
        on_wait()
        while not share(lambda: _acquired(lock, LOCK_POLL_SECONDS)):
            pass
    try:
        yield
    finally:
        lock.release()


def _acquired(lock: BaseFileLock, timeout: float) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return False
    return True


class SyncTrainedBatchNorm(LayerSync):
    """Statistics over the batches of all processes in the parts that train; frozen parts stay as they are."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace the `BatchNorm2d` that are in train mode; parameters and buffers stay the same tensors."""
        self._replaced = [
            (f"{place}.{name}", parent, name, child)
            for place, parent in model.named_modules()
            for name, child in parent.named_children()
            if isinstance(child, nn.BatchNorm2d) and child.training
        ]
        for path, parent, name, child in self._replaced:
            fused = dist.get_backend() == "nccl" and "discriminator" not in path.split(".")
            convert = nn.SyncBatchNorm.convert_sync_batchnorm if fused else _synced
            setattr(parent, name, convert(child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Put the plain layers back."""
        for _, parent, name, child in self._replaced:
            child.load_state_dict(getattr(parent, name).state_dict())
            setattr(parent, name, child)
        return model


class PlainSyncBatchNorm(nn.BatchNorm2d):
    """`nn.SyncBatchNorm` where that does not go: on CPUs, and under a gradient penalty, as it has no second
    derivative. All processes have equally large batches.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[B, C, H, W]` by mean and variance over the batches of all processes."""
        if not self.training:
            return super().forward(x)
        x = x.float()  # under autocast, as nn.BatchNorm2d's own statistics are
        mean = _mean_of_all(x.mean(dim=(0, 2, 3)))
        centred = x - mean[:, None, None]
        variance = _mean_of_all(centred.square().mean(dim=(0, 2, 3)))
        self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * n_processes())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)


def _synced(norm: nn.BatchNorm2d) -> PlainSyncBatchNorm:
    synced = PlainSyncBatchNorm(norm.num_features, norm.eps, norm.momentum)
    synced.weight, synced.bias = norm.weight, norm.bias
    for name, buffer in norm.named_buffers():
        setattr(synced, name, buffer)
    return synced


def _mean_of_all(x: Tensor) -> Tensor:
    return _MeanOfAll.apply(x)  # type: ignore[no-any-return]


class _MeanOfAll(torch.autograd.Function):
    """The mean of a tensor over the processes; its gradient is the mean of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total / n_processes()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _mean_of_all(gradients[0])
