"""Counts what PyTorch is asked to do: floating-point operations, and the bytes alive meanwhile."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


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
