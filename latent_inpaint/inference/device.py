"""Where and in which precision a network computes."""

from __future__ import annotations

import logging
import os
from functools import lru_cache, partial

import torch
from torch import nn

from latent_inpaint.models.inpainter import LatentModel

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
}
# One core of a CPU with AVX512-BF16, 256²: width 8 takes 1.8 times longer in bfloat16, width 16 a third less.
NARROWEST_FOR_BFLOAT16_ON_CPU = 16

_log = logging.getLogger(__name__)


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device to compute on: `auto` is CUDA, else MPS, else the CPU.

    Raises:
        ValueError: no such device, or this machine does not have it.
    """
    if str(device) == "auto":
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        _log.info("device=auto: %s", found)
        return torch.device(found)
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device must be one of {', '.join(DEVICES)} or cuda:N, got {device!r}") from error
    available = {
        "cuda": torch.cuda.device_count() > (picked.index or 0),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if not available.get(picked.type, False):
        raise ValueError(
            f"device={str(device)!r}: this machine does not have it; device='auto' picks one that it has"
        )
    return picked


def pick_precision(precision: str, device: torch.device, model: object) -> torch.dtype:
    """The type in which convolutions compute: `auto` is bfloat16 where hardware and network gain from it.

    Fourier transforms always run in float32, weights stay float32. A trained network (ngf 8, 9 blocks, 60
    photographs at 256², thick masks) differed in bfloat16 by at most 9 of 255, by 1.2 on average in the hole.

    Raises:
        ValueError: an unknown precision.
    """
    if precision == "auto":
        return torch.bfloat16 if _gains_from_bfloat16(device, model) else torch.float32
    return precision_named(precision)


def precision_named(precision: str) -> torch.dtype:
    """The type of a name in `PRECISIONS`.

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in PRECISIONS:
        names = ", ".join(PRECISIONS)
        raise ValueError(f"precision must be one of {names}, or auto at loading, got {precision!r}")
    return PRECISIONS[precision]


def device_of(model: object) -> torch.device:
    """The device that a model computes on: that of its weights, or the CPU for one that has none."""
    if not isinstance(model, nn.Module):
        return torch.device("cpu")
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _gains_from_bfloat16(device: torch.device, model: object) -> bool:
    if not isinstance(model, LatentModel):
        return False  # nobody tried
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        has_it = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return has_it and int(model.encoder.stage_channels[0]) >= NARROWEST_FOR_BFLOAT16_ON_CPU
    return False


@lru_cache(maxsize=1)
def survive_forks() -> None:
    """From now on forked processes compute with one thread: PyTorch's others are not there after a fork, and
    what waits for them hangs (pytorch#41197).
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
