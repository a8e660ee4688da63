"""BatchNorm: where a network has it, and folded into the convolution before it in eval mode."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


def folded(conv: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that equals `norm(conv(x))` in eval mode, with gradients.

    Weights are small beside activations: folding at each call costs nothing and saves a pass over those.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    bias = norm.bias - norm.running_mean * scale
    if conv.bias is not None:
        bias = bias + conv.bias * scale
    shape = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    return conv.weight * scale.view(shape), bias


def conv_norm(conv: nn.Conv2d, norm: nn.Module, x: Tensor) -> Tensor:
    """`norm(conv(x))` with any padding mode; one convolution where the norm is a BatchNorm in eval mode."""
    if norm.training or not isinstance(norm, nn.BatchNorm2d):
        return norm(conv(x))
    return conv._conv_forward(x, *folded(conv, norm))


def batch_norms(model: nn.Module) -> list[nn.BatchNorm2d | nn.SyncBatchNorm]:
    """The network's BatchNorm layers, frozen or not, of one process or synchronised."""
    return [module for module in model.modules() if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm))]


def n_processes() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_of_all(value: Tensor) -> Tensor:
    """The mean of a statistic over all processes, whose batches are equally large; no gradient passes.

    Example:
        >>> mean_of_all(torch.tensor([1.0, 2.0]))  # without others
        tensor([1., 2.])
    """
    if n_processes() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total / n_processes()
