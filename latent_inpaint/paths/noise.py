"""Random numbers from the generator that was handed down, drawn on the CPU: the same on every device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Generators: TypeAlias = torch.Generator | Sequence[torch.Generator]
"""One generator for a batch, or one for each of its pictures: then a picture's noise depends on nothing but
its own generator."""


class SharedGenerator(torch.Generator):
    """A generator that several processes have alike, each of which takes its part of what is drawn for all.

    Attributes:
        share: number of this process, and of all.
    """

    share: tuple[int, int] = (0, 1)


def shared(generator: torch.Generator, n: int, draw: Callable[[int], Tensor]) -> Tensor:
    """`draw(n)` for a batch of `n`; of a `SharedGenerator` this process's rows of what is drawn for all.

    Example:
        >>> generator = SharedGenerator()
        >>> generator.share = (1, 2)
        >>> shared(generator, 2, torch.arange)
        tensor([2, 3])
    """
    rank, world_size = getattr(generator, "share", (0, 1))
    return draw(world_size * n)[rank * n : (rank + 1) * n]


def sent_to(x: Tensor, drawn: Tensor) -> Tensor:
    """Numbers drawn on the CPU, on the device and in the precision of `x`; the host does not wait for a GPU.

    Example:
        >>> sent_to(torch.zeros(1, dtype=torch.float64), torch.ones(2)).dtype
        torch.float64
    """
    if x.device.type != "cuda":
        return drawn.to(x)
    return drawn.pin_memory().to(x.device, non_blocking=True).to(x.dtype)


def normal_like(x: Tensor, generator: Generators) -> Tensor:
    """Standard normal numbers of the shape, device and precision of `x`.

    Args:
        x: `[B, …]`.
        generator: a CPU generator for all, or a list of B, one a picture.

    Raises:
        ValueError: a list of another length than the batch.

    Example:
        >>> x = torch.zeros(2, 1, 1, 1)
        >>> both = normal_like(x, [torch.Generator().manual_seed(seed) for seed in (5, 6)])
        >>> torch.equal(both[1:], normal_like(x[:1], torch.Generator().manual_seed(6)))
        True
    """
    if isinstance(generator, torch.Generator):
        shape = x.shape[1:]
        return sent_to(x, shared(generator, len(x), lambda n: torch.randn(n, *shape, generator=generator)))
    _check_count(generator, len(x))
    return sent_to(x, torch.stack([torch.randn(x.shape[1:], generator=one) for one in generator]))


def seeds(n: int, generator: Generators) -> Tensor:
    """`n` seeds, drawn one after the other: `[n]` from one generator, `[n, B]` from a list of B.

    Example:
        >>> one, other = (seeds(3, torch.Generator().manual_seed(0)) for _ in range(2))
        >>> torch.equal(one, other)
        True
    """
    if isinstance(generator, torch.Generator):
        return torch.randint(2**62, (n,), generator=generator)
    return torch.stack([torch.randint(2**62, (n,), generator=one) for one in generator], dim=1)


def seeded(values: Tensor) -> list[torch.Generator]:
    """A CPU generator for each of the seeds `[B]`.

    Example:
        >>> one, other = seeded(torch.tensor([7, 7]))
        >>> torch.equal(torch.randn(3, generator=one), torch.randn(3, generator=other))
        True
    """
    return [torch.Generator().manual_seed(int(value)) for value in values]


def _check_count(generator: Sequence[torch.Generator], batch: int) -> None:
    if len(generator) != batch:
        raise ValueError(f"generator: a list must hold one a picture, {batch}, got {len(generator)}")
