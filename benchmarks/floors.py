"""The floor: operations and bytes of each part, the machine's own rates, and how close each part comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from benchmarks.steps import ROWS, batch_of, network
from benchmarks.timing import medians
from latent_inpaint.training.metering import StepMeter

if TYPE_CHECKING:
    from rich.table import Table

SIZE, BATCH_SIZE, NGF = 256, 16, 8


@dataclass(frozen=True)
class Rates:
    """What the machine can do, per core and second.

    Args:
        flops: operations of a 3×3 convolution of 64 channels, forward.
        bytes: read and written by copying.
    """

    flops: float
    bytes: float


@dataclass(frozen=True)
class Part:
    """A part of the network, forward and backward as a row trains it.

    Args:
        name: of the part.
        flops: operations per image.
        bytes: read and written per image, each operation's tensors counted once.
        seconds: CPU seconds per image, as measured.
        floor: the longer of what the operations and the bytes need at the machine's rates.
    """

    name: str
    flops: float
    bytes: float
    seconds: float
    floor: float

    @property
    def efficiency(self) -> float:
        """The floor's share of the measured time."""
        return self.floor / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"efficiency": self.efficiency}


class TrafficMeter(StepMeter):
    """Sums, besides the operations, the bytes that all operations but views read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` and count it."""
        outputs = super().__torch_dispatch__(func, types, args, kwargs)
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, outputs)) if isinstance(t, Tensor)]
            self.bytes += sum(tensor.nbytes for tensor in tensors)
        return outputs


def rates(repeats: int) -> Rates:
    """Measure the machine."""
    x = torch.rand(16, 64, 34, 34).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    source = torch.rand(2**24)
    target = torch.empty_like(source)
    jobs: dict[str, Callable[[], Any]] = {
        "convolution": lambda: functional.conv2d(x, weight),
        "copy": lambda: target.copy_(source),
    }
    seconds = medians(jobs, 3 * repeats)
    flops = 2 * 16 * 32 * 32 * 64 * 64 * 9
    return Rates(flops / seconds["convolution"], 2 * source.nbytes / seconds["copy"])


def parts(machine: Rates, repeats: int) -> list[Part]:
    """Cost of each part of both kinds of rows at ngf 8, 256²."""
    return [_part(name, job, machine, repeats) for name, job in _jobs().items()]


def _jobs() -> dict[str, Callable[[], Any]]:
    image, mask = batch_of(SIZE, BATCH_SIZE)
    trained, frozen = network(ROWS["baseline"], NGF), network(ROWS["latent_control"], NGF)
    with torch.no_grad():
        latent = frozen.encode(image)

    def backward(output: Callable[[], Tensor]) -> Callable[[], None]:
        return lambda: output().mean().backward()

    def target() -> Tensor:
        with torch.no_grad():
            return frozen.encode(image)

    def entering() -> Tensor:
        return latent.clone(memory_format=torch.preserve_format).requires_grad_()

    return {
        "refiner, trained": backward(lambda: frozen.refine(entering())),
        "encoder, trained": backward(lambda: trained.encode_masked(image, mask)),
        "decoder, trained": backward(lambda: trained.decode(entering())),
        "decoder, frozen": backward(lambda: frozen.decode(entering())),
        "encoder of the target": target,
        "encoder under mask control": backward(lambda: frozen.encode_masked(image, mask)),
    }


def _part(name: str, job: Callable[[], Any], machine: Rates, repeats: int) -> Part:
    with TrafficMeter() as meter:
        job()
    seconds = medians({name: job}, repeats)[name] / BATCH_SIZE
    flops, n_bytes = meter.flops / BATCH_SIZE, meter.bytes / BATCH_SIZE
    return Part(name, flops, n_bytes, seconds, max(flops / machine.flops, n_bytes / machine.bytes))


def floor_table(machine: Rates, found: list[Part]) -> Table:
    """The parts as a `rich` table."""
    from rich.table import Table

    title = (
        f"Floor at ngf {NGF}, {SIZE}²: a core convolves {machine.flops / 1e9:.0f} GFLOP/s and "
        f"copies {machine.bytes / 1e9:.1f} GB/s"
    )
    table = Table(title=title)
    for heading in ("part", "GFLOP/image", "MB/image", "ms/image", "floor, ms", "floor / measured"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for part in found:
        numbers = part.flops / 1e9, part.bytes / 1e6, part.seconds * 1e3, part.floor * 1e3, part.efficiency
        table.add_row(part.name, *(f"{number:.2f}" for number in numbers))
    return table
