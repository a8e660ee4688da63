"""The commands of `latent-inpaint`, each a function of the parsed options that returns the exit status."""

from __future__ import annotations

import sys
import time
import warnings
from argparse import Namespace
from typing import Any

from latent_inpaint.inference.batch import Job, Summary, find_jobs, repair_file, run_jobs, sample_paths
from latent_inpaint.inference.benchmark import measure
from latent_inpaint.inference.export import CHECKED_SIZES, FORMATS, export_model
from latent_inpaint.inference.files import check_folder
from latent_inpaint.inference.packing import save_half
from latent_inpaint.inference.picture import check_options
from latent_inpaint.inference.pipeline import Pipeline, load
from latent_inpaint.models.inpainter import LatentModel
from latent_inpaint.models.storage import save_model


def predict(options: Namespace) -> int:
    """Fill the holes of a picture or of a folder."""
    return _predict_folder(options) if options.images else _predict_file(options)


refine = predict


def info(options: Namespace) -> int:
    """Print what a network is made of."""
    pipeline = _load(options)
    model: Any = pipeline.model
    is_latent = isinstance(model, LatentModel)
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
    """Write a network in our own format."""
    save = save_half if options.half else save_model
    print(save(_load(options).model.cpu(), options.output, {"converted_from": options.model}))
    return 0


def export(options: Namespace) -> int:
    """Write a network for other programs and check the file."""
    difference = export_model(_load(options).model, options.output)
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


def _predict_file(options: Namespace) -> int:
    loaded = []

    def load_when_needed() -> Pipeline:
        loaded.append(_load(options))
        return loaded[0]

    start = time.perf_counter()
    settings = _inpaint_options(options)
    width, height = repair_file(options.image, options.mask, options.output, load_when_needed, settings)
    seconds = time.perf_counter() - start
    outputs = ", ".join(map(str, sample_paths(options.output, options.samples)))
    print(f"{outputs}: {width}×{height}, {seconds:.1f} s on {loaded[0].place}")
    return 0


def _predict_folder(options: Namespace) -> int:
    settings = _inpaint_options(options) | {"progress": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        masks = options.masks or options.mask
        jobs = find_jobs(options.images, masks, options.output, options.ending, options.samples)
    options.output.mkdir(parents=True, exist_ok=True)
    check_folder(options.output)
    model = _load(options)
    model.check_asked(options.samples, options.steps, options.memory_budget)
    n_pictures = len({job.image for job in jobs})
    results = "" if len(jobs) == n_pictures else f", {len(jobs)} masks"
    print(f"{n_pictures} picture{'s' if n_pictures > 1 else ''}{results} on {model.place}")
    summary = Summary(pictures=n_pictures)
    for warning in caught:
        warnings.warn(warning.message, stacklevel=1)
        summary.warnings.append((str(options.images), str(warning.message)))

    def report(job: Job, text: str) -> None:
        finished = summary.done + summary.skipped + len(summary.failed)
        is_good = not text.startswith(("failed", "warning"))
        of_mask = "" if job.output.stem == job.image.stem else f", {job.mask.name}"
        print(
            f"{finished}/{len(jobs)} {job.image}{of_mask}: {text}",
            file=sys.stdout if is_good else sys.stderr,
            flush=True,
        )

    try:
        run_jobs(jobs, model, settings, summary, options.overwrite, report)
    finally:
        path = summary.write(options.output, settings | {"model": options.model, "computes": model.place})
        counts = f"{summary.done} done, {summary.skipped} skipped, {len(summary.failed)} failed"
        print(f"{counts} in {summary.seconds:.1f} s; {path}")
    return 1 if summary.failed else 0


def _inpaint_options(options: Namespace) -> dict[str, Any]:
    """The options of `inpaint`, found to be in their ranges."""
    ranged = {
        "threshold": options.threshold,
        "dilate": options.dilate,
        "context": options.context,
        "feather": options.feather,
        "memory_budget": options.memory_budget,
        "samples": options.samples,
        "steps": options.steps,
    }
    check_options(**ranged)
    return ranged | {
        "seed": options.seed,
        "invert_mask": options.invert_mask,
        "resize_mask": options.resize_mask,
        "region_of_interest": not options.whole,
        "membrane": options.membrane,
        "refine": options.refine,
        "progress": sys.stderr.isatty(),
    }


def _load(options: Namespace) -> Pipeline:
    return load(options.model, options.device, options.precision)
