"""Random states of PyTorch, on every device, as a checkpoint keeps them."""

from __future__ import annotations

from typing import Any

import torch


def random_states(device: torch.device) -> dict[str, Any]:
    """States of the generators on the CPU and on `device`, as tensors."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any], device: torch.device) -> None:
    """Put states back; one that was saved on another kind of device leaves this one's generator as it is."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
