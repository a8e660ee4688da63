"""A pretrained network that a loss uses and nothing may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """Holds a network that never changes: no gradient to it, always in eval mode.

    It is no submodule, so its weights are neither among the parameters nor in checkpoints (they come from a
    file of their own), yet it follows when this module moves to another device or precision.

    Args:
        network: maps a picture `[B, 3, H, W]` in [0, 1] to feature maps.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._held = (network.requires_grad_(False).eval(),)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The network's feature maps of `[B, 3, H, W]` in [0, 1]; gradients flow to the picture."""
        return self._held[0](image.contiguous(memory_format=torch.channels_last))  # nearly twice as fast

    def extra_repr(self) -> str:
        """The network's class, as it is shown by `print`."""
        return type(self._held[0]).__name__

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self._held[0]._apply(function)
        return super()._apply(function, recurse)
