"""Training steps of table 5.1's rows, as the configuration makes them, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.optim.swa_utils import AveragedModel

from benchmarks.lines import Line
from benchmarks.reference import plain_generator
from benchmarks.timing import Job, ratios
from latent_inpaint.losses import LatentL1, Objective, PixelL1
from latent_inpaint.models import (
    AlphaEncoder,
    Decoder,
    Encoder,
    FFCRefiner,
    LatentInpainter,
    MaskControl,
)
from latent_inpaint.training.averaging import WeightEMA
from latent_inpaint.training.dry_run import empty
from latent_inpaint.training.metering import StepMeter
from latent_inpaint.training.outputs import InpaintingOutputs
from latent_inpaint.training.turns import Turn, take_turns


@dataclass(frozen=True)
class Row:
    """A row of table 5.1.

    Args:
        control: mask control; else the mask is alpha.
        pixels: L1 in pixels; else in the latent.
        trainable: parts that train.
    """

    control: bool
    pixels: bool
    trainable: Sequence[str]


ROWS = {
    "baseline": Row(False, True, ("guide", "refiner", "decoder")),
    "control": Row(True, True, ("refiner", "guide")),
    "latent_control": Row(True, False, ("refiner", "guide")),
}


def network(row: Row, ngf: int, n_blocks: int = 9) -> LatentInpainter:
    """The row's network, frozen and in train mode as in training, channels last."""
    encoder = Encoder(ngf)
    refiner, decoder = FFCRefiner(encoder.latent_channels, n_blocks), Decoder(ngf)
    guide = MaskControl(encoder.stage_channels) if row.control else AlphaEncoder(Encoder(ngf, in_channels=4))
    model = LatentInpainter(encoder, refiner, decoder, guide)
    model = model.to(memory_format=torch.channels_last).requires_grad_(False).eval()
    for name in row.trainable:
        model.get_submodule(name).requires_grad_(True).train()
    return model


def training_step(
    model: LatentInpainter,
    pixels: bool = False,
    dtype: torch.dtype | None = None,
    objective: Objective | None = None,
    latents: Mapping[str, Tensor] | None = None,
) -> Callable[[Tensor, Tensor], None]:
    """A function of image and mask that makes one training step: forward, backward, clipping, Adam.

    Args:
        model: trains its parameters that require gradients.
        pixels: L1 in pixels; else in the latent.
        dtype: of autocast; None for none.
        objective: another than L1.
        latents: of the batch, from a cache.
    """
    objective = objective or Objective({"l1": PixelL1() if pixels else LatentL1()})
    generator = torch.Generator().manual_seed(0)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    turn = Turn("network", parameters, objective, partial(torch.optim.Adam, lr=1e-4))
    optimizer = turn.make_optimizer()

    def optimise(turn: Turn) -> None:
        turn.clip()
        optimizer.step()

    def step(image: Tensor, mask: Tensor) -> None:
        def value(turn: Turn) -> Tensor:
            with torch.autocast(image.device.type, dtype) if dtype else nullcontext():
                outputs = InpaintingOutputs(model, image, mask, generator, latents=latents)
                total = turn.objective(outputs)[0]
            optimizer.zero_grad()
            return total

        take_turns([turn], 0, value, Tensor.backward, optimise)

    return step


def batch_of(size: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Seeded pictures of noise, and boxes as holes."""
    image = torch.rand(batch_size, 3, size, size, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(batch_size, 1, size, size)
    mask[:, :, size // 4 : size // 2, size // 4 : 3 * size // 4] = 1
    return image, mask


def step_flops(row: Row, ngf: int, size: int) -> float:
    """Operations of one step with one image, counted without computing."""
    model, mode = network(row, ngf), FakeTensorMode()
    empty(model, mode)
    with mode:
        image, mask = torch.rand(1, 3, size, size), torch.ones(1, 1, size, size)
        term = PixelL1() if row.pixels else LatentL1()
        with StepMeter() as meter:
            term(InpaintingOutputs(model, image, mask)).backward()
    return meter.flops


def row_lines(repeats: int) -> list[Line]:
    """`latent_control` and `control` against `baseline`."""
    lines = []
    wide = {name: step_flops(row, 64, 256) for name, row in ROWS.items()}
    for size, batch_size in ((128, 16), (256, 16)):
        batch = batch_of(size, batch_size)
        steps = {name: training_step(network(row, 8), row.pixels) for name, row in ROWS.items()}
        jobs = {name: partial(step, *batch) for name, step in steps.items()}
        found = ratios(jobs, "baseline", repeats)
        flops = {name: step_flops(row, 8, size) for name, row in ROWS.items()}
        for name, target in (("latent_control", 0.60), ("control", 1.00)):
            limit = (
                f"operations alone: {flops[name] / flops['baseline']:.2f} "
                f"({wide[name] / wide['baseline']:.2f} at ngf 64, 256²); both rows train the same refiner"
            )
            lines.append(
                Line(
                    f"{name}, {size}², ngf 8",
                    found[name],
                    target,
                    f"baseline's step, batch {batch_size}",
                    limit,
                )
            )
    return lines


def one_pass_line(repeats: int) -> Line:
    """What needs no graph of the masked and of the true picture, through the encoder together or apart."""
    first = network(ROWS["latent_control"], 8).encoder.stem
    image, mask = batch_of(256, 16)
    masked = image * (1 - mask)

    @torch.no_grad()
    def together() -> None:
        first(torch.cat([masked, image]))

    @torch.no_grad()
    def apart() -> None:
        first(masked), first(image)

    return Line(
        "masked and true pictures through the frozen first block in one pass, 256², ngf 8",
        ratios({"together": together, "apart": apart}, "apart", repeats)["together"],
        None,
        "two passes, which the training step makes",
        "the same operations, and a copy to put the two side by side",
    )


def formulation_line(repeats: int) -> Line:
    """A plain LaMa generator's step against the straightforward formulation."""
    batch = batch_of(256, 16)
    ours = network(ROWS["baseline"], 8)
    jobs = {
        "ours": partial(training_step(ours, True), *batch),
        "plain": partial(training_step(plain_generator(ours), True), *batch),
    }
    return Line(
        "LaMa generator's step, float32, ngf 8, 256²",
        ratios(jobs, "ours", repeats)["plain"],
        1.15,
        "four convolutions per FFC, copies around the FFT; equal outputs",
        "the convolutions, which are the same operations in both",
        higher_is_better=True,
    )


def bf16_line(repeats: int) -> Line:
    """The same generator at ngf 64 in bfloat16."""
    batch = batch_of(256, 1)
    jobs: dict[str, Job] = {}
    for name, dtype in (("float32", None), ("bf16", torch.bfloat16)):
        model = network(ROWS["baseline"], 64, n_blocks=2)
        jobs[name] = partial(training_step(model, True, dtype), *batch)
    native = torch.backends.cpu.get_cpu_capability()
    return Line(
        "LaMa generator's step in bf16, ngf 64, 256², 2 blocks",
        ratios(jobs, "bf16", repeats)["float32"],
        1.7,
        "float32, batch 1",
        f"FFTs and BatchNorm statistics stay in float32; this CPU: {native}",
        higher_is_better=True,
    )


def averaging_line(repeats: int) -> Line:
    """The average of the weights after a step, all tensors at once, against one call a tensor."""
    decay, trainer = 0.995, SimpleNamespace(global_step=0, max_steps=10**9)
    module: Any = _Holder(network(ROWS["latent_control"], 8))
    ours: Any = WeightEMA(decay)
    ours.setup(trainer, module, "fit")
    theirs = AveragedModel(module, avg_fn=partial(_average, decay), use_buffers=True)

    def step() -> None:
        trainer.global_step += 1
        ours.on_train_batch_end(trainer, module)

    jobs: dict[str, Job] = {"ours": step, "theirs": partial(theirs.update_parameters, module)}
    return Line(
        "average of the weights, latent_control, ngf 8",
        ratios(jobs, "theirs", 10 * repeats)["ours"],
        0.60,
        "one call and one look at the count for each tensor",
        "reading and writing the weights",
    )


class _Holder(pl.LightningModule):
    def __init__(self, model: LatentInpainter) -> None:
        super().__init__()
        self.model = model


def _average(decay: float, average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
    return torch.lerp(average.float(), current.float(), max(1 - decay, 4 / (int(count) + 5)))


def compile_lines(repeats: int) -> list[Line]:
    """The refiner's step compiled, and the number of graph breaks."""
    import torch._dynamo as dynamo

    def step(refiner: Callable[[Tensor], Tensor], latent: Tensor) -> Job:
        def run() -> None:
            torch.autograd.grad(refiner(latent).abs().mean(), parameters)

        return run

    latent = torch.rand(16, 64, 16, 16).contiguous(memory_format=torch.channels_last)
    refiner = FFCRefiner(64, n_blocks=2).to(memory_format=torch.channels_last)
    parameters = list(refiner.parameters())
    explained = dynamo.explain(refiner)(latent)
    reasons = "; ".join(str(reason.reason) for reason in explained.break_reasons) or "none"
    dynamo.reset()
    jobs = {"eager": step(refiner, latent), "compiled": step(torch.compile(refiner), latent)}
    return [
        Line(
            "graph breaks of the refiner under torch.compile",
            explained.graph_break_count,
            0,
            f"breaks: {reasons}",
            "–",
        ),
        Line(
            "refiner's step under torch.compile, ngf 8, 128²",
            ratios(jobs, "eager", repeats)["compiled"],
            None,
            "the same step without it",
            "convolutions and FFTs are library calls; only what lies between them is fused",
        ),
    ]
