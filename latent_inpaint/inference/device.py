"""Where and in which precision a network computes."""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary

import torch
from torch import nn

from latent_inpaint.models.inpainter import LatentInpainter

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
_chosen: WeakKeyDictionary[nn.Module, torch.dtype] = WeakKeyDictionary()


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


def pick_precision(precision: str, device: torch.device, model: LatentInpainter) -> torch.dtype:
    """The type in which convolutions compute: `auto` is bfloat16 where hardware and network gain from it.

    Fourier transforms always run in float32, weights stay float32. A trained network (ngf 8, 9 blocks, 60
    photographs at 256², thick masks) differed in bfloat16 by at most 9 of 255, by 1.2 on average in the hole.

    Raises:
        ValueError: an unknown precision.
    """
    if precision == "auto":
        return torch.bfloat16 if _gains_from_bfloat16(device, model) else torch.float32
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be auto, {', '.join(PRECISIONS)}, got {precision!r}")
    return PRECISIONS[precision]


def remember_dtype(model: LatentInpainter, dtype: torch.dtype) -> None:
    """Note the type that `load` chose, for later calls of `inpaint` with this very network."""
    _chosen[model] = dtype


def chosen_dtype(model: LatentInpainter) -> torch.dtype:
    """The type that `load` chose for this network; float32 for a network made otherwise."""
    return _chosen.get(model, torch.float32)


def _gains_from_bfloat16(device: torch.device, model: LatentInpainter) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        has_it = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return has_it and model.encoder.stage_channels[0] >= NARROWEST_FOR_BFLOAT16_ON_CPU
    return False
