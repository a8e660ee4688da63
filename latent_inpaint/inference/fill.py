"""Filling the hole of a canvas: region by region, window by window, within a budget of memory."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.inference.canvas import Box, Canvas, Pixels
from latent_inpaint.inference.device import device_of
from latent_inpaint.inference.memory import Budget
from latent_inpaint.inference.progress import Progress, silent
from latent_inpaint.inference.pyramid import build_pyramid, double
from latent_inpaint.inference.refinement import RefinementOptions, RefinementWarning, refine_level
from latent_inpaint.inference.regions import Everything, Region, default_context, find_regions, whole_picture
from latent_inpaint.inference.seam import feather_seam
from latent_inpaint.inference.windows import decode, encode, mask_of, split
from latent_inpaint.models.inpainter import Inpainter, LatentModel, draws
from latent_inpaint.models.membrane import push_pull

DEFAULT_FEATHER = 8
"""Pixels over which the seam of a refined or enlarged crop fades."""
RIM = 16
"""Known pixels around a hole that are predicted, too, where their error is to be extended into it."""
_SIGNS_OF_LACK = ("allocate", "could not create a primitive")
"""What torch's allocators, and oneDNN, say of memory that they do not get."""
_ALIGNMENT = 4
"""Sides of crops are multiples of this many latent positions, of which Fourier transforms are quick."""


class ReducedSizeWarning(UserWarning):
    """A hole did not fit into the memory budget at its full size."""


@dataclass(frozen=True)
class FillOptions:
    """How a hole is filled; see `latent_inpaint.inpaint`.

    Raises:
        ValueError: a negative context or feather, or a membrane and a feather.
    """

    region_of_interest: bool = True
    context: int | None = None
    feather: int | None = None
    membrane: bool | None = None
    refine: bool | None = None
    refinement: RefinementOptions = field(default_factory=RefinementOptions)
    budget: Budget = field(default_factory=Budget)
    dtype: torch.dtype = torch.float32
    progress: Progress = silent
    generator: torch.Generator | None = None
    steps: int | None = None
    composite: bool = True

    def __post_init__(self) -> None:
        for name, pixels in (("context", self.context), ("feather", self.feather)):
            if pixels is not None and pixels < 0:
                raise ValueError(f"{name} must be at least 0 pixels, got {pixels}")
        if self.membrane and self.feather:
            raise ValueError(f"membrane: it takes the feather's place, give one; got feather={self.feather}")
        if not self.composite and (self.membrane or self.feather or self.refine):
            raise ValueError("composite: without it there is no seam; leave feather, membrane and refine out")

    def n_halvings(self, network: Inpainter, box: Box) -> int:
        """How often a crop is halved, because of memory or to be refined."""
        asked = self.refinement.n_halvings(box) if self.refine else 0
        return max(self.budget.n_halvings(network, box), asked)


def fill(canvas: Canvas, hole: Pixels, network: Inpainter, options: FillOptions) -> None:
    """Invent the pixels of `hole` (bool `[H, W]`, not empty) on the canvas.

    Raises:
        ValueError: the network cannot be refined, but is to be; or its prediction has another shape.
        MemoryError: there is not enough; says which settings help.
    """
    if options.refine and (draws(network) or not isinstance(network, LatentModel)):
        name = type(network).__name__
        raise ValueError(
            f"refine: a model that is a function of its latent is needed, such as fast; {name} is none"
        )
    if hasattr(network, "within"):
        network = network.within(options.budget.n_bytes)
    multiple = _ALIGNMENT * getattr(network, "down_factor", 1)
    regions = [whole_picture(hole)]
    if not options.composite:
        regions = [Everything(regions[0].box, regions[0].cells)]
        if options.budget.n_halvings(network, canvas.whole):
            raise ValueError(
                "composite: without it the whole picture has to fit; give a larger memory_budget"
            )
    elif options.region_of_interest:
        context_of = getattr(network, "context_of", default_context)
        regions = find_regions(hole, options.context, multiple, context_of)
    if options.refine and not any(options.n_halvings(network, region.box) for region in regions):
        _warn_that_nothing_is_refined(options.refinement)
    with torch.no_grad(), _eval_mode(network):
        for i, region in enumerate(regions):
            with _explain_lack_of_memory(region.box, options.budget):
                _fill_region(canvas, hole, region, network, options)
            options.progress("regions", i + 1, len(regions))


def _fill_region(
    canvas: Canvas, hole: Pixels, region: Region, network: Inpainter, options: FillOptions
) -> None:
    needed = options.budget.n_halvings(network, region.box)
    if needed:
        _warn_about_size(region.box, needed)
    n_halvings = options.n_halvings(network, region.box)
    if not n_halvings:
        _fill_at_once(canvas, hole, region, network, options)
        return
    assert isinstance(network, LatentModel)  # only those are halved
    levels = build_pyramid(canvas, hole, region.box, n_halvings)
    small, small_hole = levels[-1]
    _fill_at_once(small, small_hole, whole_picture(small_hole), network, options)
    for level in range(n_halvings - 1, -1, -1):
        _fill_from_below(*levels[level], levels[level + 1][0], network, options, f"scale 1/{2**level}")
    canvas.paste(region.box, levels[0][0], region.own(hole, region.box))


def _fill_at_once(
    canvas: Canvas, hole: Pixels, region: Region, network: Inpainter, options: FillOptions
) -> None:
    """Fill a region at the canvas' own size: the refiner sees all of the crop."""
    device = device_of(network)
    is_pasted = region.box != canvas.whole
    bends = is_pasted and not getattr(network, "keeps_known", False)
    membrane = options.membrane
    if membrane is None:
        membrane = (
            options.composite
            and bends
            and options.feather is None
            and options.budget.holds_joined(region.box)
        )
    feather = 0 if membrane else _feather(options, bends)
    with torch.autocast(device.type, options.dtype, enabled=options.dtype is not torch.float32):
        parts = _predictions(canvas, hole, region, network, options, RIM if membrane else feather)
        if membrane:
            parts = iter([_with_membrane(canvas, hole, region.box, parts, device)])
        for part, prediction in parts:
            unknown = torch.from_numpy(hole[part.slices]).to(device)
            image = canvas.read(part)[0].to(device) if feather else prediction
            bent = feather_seam(image, unknown, prediction.float(), feather)
            canvas.write(part, bent, region.own(hole, part))


def _with_membrane(
    canvas: Canvas, hole: Pixels, box: Box, parts: Iterator[tuple[Box, Tensor]], device: torch.device
) -> tuple[Box, Tensor]:
    """The parts of a crop as one, corrected by their error on those known pixels that they show."""
    image = canvas.read(box)[0].to(device)
    joined, shown = image.clone(), torch.zeros(image.shape[1:], dtype=torch.bool, device=device)
    for part, prediction in parts:
        rows = slice(part.top - box.top, part.bottom - box.top)
        columns = slice(part.left - box.left, part.right - box.left)
        joined[:, rows, columns] = prediction.float()
        shown[rows, columns] = True
    known = shown & ~torch.from_numpy(hole[box.slices]).to(device)
    error = push_pull((image - joined)[None], known[None, None].float())
    return box, (joined + error[0]).clamp(0, 1)


def _predictions(
    canvas: Canvas, hole: Pixels, region: Region, network: Inpainter, options: FillOptions, margin: int
) -> Iterator[tuple[Box, Tensor]]:
    """Parts of a region and what the network says of them, `[3, h, w]`; see `windows.decode`."""
    if isinstance(network, LatentModel):
        window = options.budget.window_pixels(network)
        masked = encode(network, canvas, region.box, hole, window)
        latent = network.refine(masked, mask_of(network, hole, region.box), options.generator, options.steps)
        yield from decode(network, latent, region.box, region.own(hole, region.box), margin, window)
        return
    device = device_of(network)
    image = canvas.read(region.box).to(device)
    mask = torch.from_numpy(hole[region.box.slices]).to(device, torch.float32)[None, None]
    drawn: dict[str, Any] = {} if options.generator is None else {"generator": options.generator}
    prediction = network(image * (1 - mask), mask, **drawn)
    if prediction.shape != image.shape:
        raise ValueError(
            f"model: {type(network).__name__} gave a prediction of the shape {list(prediction.shape)}, "
            f"expected {list(image.shape)}"
        )
    yield region.box, prediction[0]


def _fill_from_below(
    canvas: Canvas, hole: Pixels, lower: Canvas, network: LatentModel, options: FillOptions, stage: str
) -> None:
    """Fill a level of the pyramid from the filled level of half its size."""
    feather = _feather(options, is_pasted=True)
    if options.refine is not False and not draws(network):
        positions = options.budget.refinable_positions(network)
        report = lambda done, total: options.progress(stage, done, total)  # noqa: E731
        refine_level(network, canvas, hole, lower, options.refinement, positions, feather, report)
        return
    for small in split(lower.whole, options.budget.window_pixels(network) / 4):  # its pixels become four
        part = Box(*(2 * side for side in small))
        if hole[part.slices].any():
            unknown = torch.from_numpy(hole[part.slices])
            bent = feather_seam(canvas.read(part)[0], unknown, double(lower.read_result(small))[0], feather)
            canvas.write(part, bent, hole[part.slices])


def _feather(options: FillOptions, is_pasted: bool) -> int:
    if options.feather is not None:
        return options.feather
    return DEFAULT_FEATHER if is_pasted else 0


def _sides(box: Box) -> tuple[int, int]:
    return box.bottom - box.top, box.right - box.left


def _warn_about_size(box: Box, n_halvings: int) -> None:
    height, width = _sides(box)
    warnings.warn(
        f"memory_budget: a crop of {width}×{height} pixels is filled at 1/{2**n_halvings} of its size and "
        "refined upwards; a larger memory_budget or a smaller context avoids that",
        ReducedSizeWarning,
        stacklevel=2,
    )


def _warn_that_nothing_is_refined(options: RefinementOptions) -> None:
    warnings.warn(
        f"refine: nothing to refine; it acts on crops whose shorter side has {options.least_side} pixels or "
        "more, so on large holes (a larger context, or the whole picture, makes crops larger)",
        RefinementWarning,
        stacklevel=2,
    )


@contextlib.contextmanager
def _eval_mode(network: Inpainter) -> Iterator[None]:
    """Eval mode: BatchNorm neither uses nor changes batch statistics. The modes before are restored."""
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    modes = [(module, module.training) for module in modules]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def _explain_lack_of_memory(box: Box, budget: Budget) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        is_known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not is_known and not any(sign in str(error) for sign in _SIGNS_OF_LACK):
            raise
        height, width = _sides(box)
        smaller = f"{max(1, min(500, budget.n_bytes / 2e6)):.0f}MB"
        raise MemoryError(
            f"out of memory on a crop of {width}×{height} pixels; try memory_budget={smaller!r} "
            f"(--memory-budget {smaller}) or a smaller context"
        ) from error
