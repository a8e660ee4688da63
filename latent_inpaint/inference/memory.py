"""How much memory a crop needs, and how much there is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from latent_inpaint.inference.canvas import Box
from latent_inpaint.inference.windows import latent_grid
from latent_inpaint.models.ffc import FFCResidualBlock
from latent_inpaint.models.inpainter import Inpainter, LatentModel

UNITS = {"": 1, "b": 1, "k": 2**10, "kib": 2**10, "m": 2**20, "mib": 2**20, "g": 2**30, "gib": 2**30}
UNITS |= {"kb": 10**3, "mb": 10**6, "gb": 10**9}
USABLE_SHARE = 0.8
"""Share of the free memory that is used when no budget is given."""
LARGEST_WINDOW = 256 * 2**20
"""Bytes that encoder and decoder take at once: more brings no speed."""
# Peak memory in float32 values, measured on the CPU (mask control included) for widths from 8 to 64.
_PER_PIXEL_AND_WIDTH = 6
_PER_PIXEL = 24
_PER_LATENT_VALUE = 9
_GRADIENTS_PER_LATENT_VALUE = 100
_GRADIENTS_PER_LATENT_VALUE_AND_BLOCK = 14
_JOINED_PER_PIXEL = 25
_SMALLEST_TILE = 32
_SHARE_OF_WINDOWS = 0.4


@dataclass(frozen=True)
class Budget:
    """Bytes for the network's activations; weights and the picture itself come on top."""

    n_bytes: float = math.inf

    def window_pixels(self, network: LatentModel) -> float:
        """Pixels that encoder or decoder may see at once."""
        per_pixel = 4 * (_PER_PIXEL + _PER_PIXEL_AND_WIDTH * network.encoder.stage_channels[0])
        smallest = (4 * network.down_factor) ** 2
        return max(smallest, min(LARGEST_WINDOW, self.n_bytes * _SHARE_OF_WINDOWS) / per_pixel)

    def holds_joined(self, box: Box) -> bool:
        """Whether a crop's prediction can be kept in one piece, to be corrected by a membrane."""
        return 4 * _JOINED_PER_PIXEL * box.area <= self.n_bytes * _SHARE_OF_WINDOWS

    def n_halvings(self, network: Inpainter, box: Box) -> int:
        """How often a crop must be halved so that the refiner, which sees it in one piece, fits.

        No side gets shorter than two latent positions: that saves nothing, see `latent_grid`. What an
        inpainter without a latent needs is not known.
        """
        if not isinstance(network, LatentModel):
            return 0
        needed = 4 * _PER_LATENT_VALUE * network.encoder.latent_channels * latent_grid(network, box).area
        excess = needed / (self.n_bytes * (1 - _SHARE_OF_WINDOWS))
        wanted = math.ceil(math.log2(excess) / 2) if excess > 0 else 0
        shorter = min(box.bottom - box.top, box.right - box.left)
        possible = math.floor(math.log2(shorter / (2 * network.down_factor)))
        return max(0, min(wanted, possible))

    def refinable_positions(self, network: LatentModel) -> float:
        """Latent positions that may be optimised at once, their gradients included."""
        n_blocks = sum(isinstance(module, FFCResidualBlock) for module in network.refiner.modules())
        per_value = _GRADIENTS_PER_LATENT_VALUE + _GRADIENTS_PER_LATENT_VALUE_AND_BLOCK * n_blocks
        found = self.n_bytes / (4 * per_value * network.encoder.latent_channels)
        return max(_SMALLEST_TILE**2, found)


def parse_bytes(text: int | float | str) -> float:
    """A number of bytes from a number or text such as `800MB`, `1.5GiB` or `2G`.

    Raises:
        ValueError: neither, or not above zero.
    """
    match = re.fullmatch(r"([\d.]+)\s*([a-z]*)", str(text).strip().lower())
    unit = UNITS.get(match[2]) if match else None
    try:
        found = float(match[1]) * unit if match and unit else 0
    except ValueError:
        found = 0
    if not found > 0:
        raise ValueError(f"memory_budget must be a size such as 1.5GiB or a number of bytes, got {text!r}")
    return found


def budget_for(device: torch.device, memory_budget: int | float | str | None) -> Budget:
    """The budget that was asked for, or else most of the device's free memory.

    Raises:
        ValueError: no size, see `parse_bytes`.
    """
    if memory_budget is None:
        return Budget(USABLE_SHARE * available_bytes(device))
    return Budget(parse_bytes(memory_budget))


def available_bytes(device: torch.device) -> float:
    """Free memory of the device, as far as it can be told; else infinite."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(_meminfo_available(), _control_group_available())


def _meminfo_available() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    return next(
        (float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), math.inf
    )


def _control_group_available() -> float:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = float((folder / "memory.current").read_text())
    except OSError:
        return math.inf
    return math.inf if limit == "max" else float(limit) - used
