"""The commands of `latent-inpaint`, each a function of the parsed options that returns the exit status."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from latent_inpaint.importers.lama import save_generator
from latent_inpaint.inference.benchmark import measure
from latent_inpaint.inference.export import CHECKED_SIZES, FORMATS, export_model
from latent_inpaint.inference.loading import FAST
from latent_inpaint.inference.packing import save_half
from latent_inpaint.inference.pipeline import Pipeline, load
from latent_inpaint.inference.predicting import predict, watch
from latent_inpaint.models.classical import PictureInpainter
from latent_inpaint.models.copying import CopyingInpainter
from latent_inpaint.models.inpainter import LatentModel
from latent_inpaint.models.storage import save_model

__all__ = ["benchmark", "convert", "export", "info", "predict", "refine", "watch"]

refine = predict


def info(options: Namespace) -> int:
    """Print what a network is made of."""
    pipeline = _load(options)
    model: Any = pipeline.model
    is_latent = isinstance(model, LatentModel)
    if isinstance(model, PictureInpainter):
        settings = ", ".join(f"{name} {value}" for name, value in model.settings().items())
        print(f"method      {type(model).__name__}, without weights; {settings}")
    else:
        count = sum(parameter.numel() for parameter in model.parameters())
        name = type(model.refiner if is_latent else model).__name__
        print(f"network     {name}, {count / 1e6:.2f} M parameters{', draws' if pipeline.multiple else ''}")
    if is_latent:
        encoder = model.encoder
        print(f"encoder     widths {encoder.stage_channels}, 1/{encoder.down_factor} of the picture's size")
        print(f"latent      {encoder.latent_channels} channels")
        print(f"mask        {type(model.guide).__name__}")
    print(f"computes    on {pipeline.place}")
    return 0


def convert(options: Namespace) -> int:
    """Write a network in our own format, or in LaMa's."""
    network = _network(options).cpu()
    if options.to == "lama":
        print(save_generator(network, options.output))
        return 0
    save = save_half if options.half else save_model
    print(save(network, options.output, {"converted_from": options.model}))
    return 0


def export(options: Namespace) -> int:
    """Write a network for other programs and check the file."""
    difference = export_model(_network(options), options.output, half=options.half, step=options.step)
    sizes = ", ".join(f"{height}×{width}" for height, width in CHECKED_SIZES)
    kind = FORMATS[options.output.suffix]
    print(f"{options.output}: {kind}, largest difference {difference:.1e} at {sizes}")
    return 0


def benchmark(options: Namespace) -> int:
    """Print seconds and peak memory side by side."""
    print(f"{'picture':<12}{'mode':<20}{'seconds':>9}{'core s':>9}{'peak MiB':>10}")
    for run in measure(options.model, options.device, options.precision, options.sides):
        side = f"{run.side}²"
        print(
            f"{side:<12}{run.mode:<20}{run.seconds:>9.2f}{run.core_seconds:>9.2f}{run.peak_mib:>10.0f}",
            flush=True,
        )
    return 0


def _network(options: Namespace) -> Any:
    """The network itself, by default that of the package; a ValueError for a method without weights."""
    model = load(options.model or FAST, options.device, options.precision).model
    if isinstance(model, (PictureInpainter, CopyingInpainter)):
        raise ValueError(f"--model: {options.model} is no network, which is expected, such as {FAST}")
    return model


def _load(options: Namespace) -> Pipeline:
    return load(options.model, options.device, options.precision)
