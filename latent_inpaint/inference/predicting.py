"""The commands that fill pictures: one, a folder, a list, or what arrives in a folder."""

from __future__ import annotations

import glob
import json
import sys
import time
import warnings
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from latent_inpaint.inference.batch import (
    Job,
    Outcome,
    Summary,
    find_jobs,
    list_jobs,
    n_results,
    repair_file,
    run_jobs,
    sample_paths,
)
from latent_inpaint.inference.files import check_folder
from latent_inpaint.inference.loading import default_model
from latent_inpaint.inference.picture import check_options
from latent_inpaint.inference.pipeline import Pipeline, load
from latent_inpaint.inference.workers import WorkerPool


def predict(options: Namespace) -> int:
    """Fill the holes of a picture, or of many."""
    return _predict_many(options) if options.images else _predict_file(options)


def watch(options: Namespace) -> int:
    """Fill what arrives in a folder, until Ctrl-C; a file is taken once it is as large as a moment ago."""
    settings, model = _inpaint_options(options) | {"progress": False}, _load(options)
    model.check_asked(options.samples, options.steps, options.memory_budget)
    options.output.mkdir(parents=True, exist_ok=True)
    check_folder(options.output)
    summary, sizes, failed = Summary(), dict[Path, int](), set[tuple[Path, int]]()
    _say(options, f"watching {options.images} on {model.place} (Ctrl-C ends)")
    while True:
        now = {job: _size_of(job) for job in _jobs_now(options)}
        ready = [job for job, size in now.items() if sizes.get(job.image) == size > 0]
        ready = [job for job in ready if (job.image, now[job]) not in failed and job.has_mask]

        def report(outcome: Outcome, now: dict[Job, int] = now) -> None:
            if outcome.error:
                failed.add((outcome.job.image, now[outcome.job]))
            _report(options, outcome, str(outcome.job.image))

        run_jobs(ready, model, settings, summary, options.overwrite, report)
        sizes = {job.image: size for job, size in now.items()}
        time.sleep(options.every)


def _jobs_now(options: Namespace) -> list[Job]:
    masks = None if _marks_itself(options) else options.masks or options.mask
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return find_jobs(options.images, masks, options.output, options.ending, _results(options))
        except FileNotFoundError:  # nothing there yet
            if not options.images.is_dir():
                raise
            return []


def _size_of(job: Job) -> int:
    """Bytes of picture and mask together, 0 if one is gone or empty."""
    try:
        sizes = [path.stat().st_size for path in (job.image, job.mask) if path is not None]
    except OSError:
        return 0
    return sum(sizes) if all(sizes) else 0


def _predict_file(options: Namespace) -> int:
    loaded = []

    def load_when_needed() -> Pipeline:
        loaded.append(_load(options))
        return loaded[0]

    start = time.perf_counter()
    settings = _inpaint_options(options)
    outcome = Outcome(Job(options.image, options.mask, options.output))
    with warnings.catch_warnings(record=options.json) as caught:
        outcome.size = repair_file(options.image, options.mask, options.output, load_when_needed, settings)
    outcome.warnings = [str(warning.message) for warning in caught or ()]
    outcome.seconds = time.perf_counter() - start
    outputs = ", ".join(map(str, sample_paths(options.output, _results(options))))
    place = loaded[0].place
    _report(options, outcome, outputs, f", {outcome.seconds:.1f} s on {place}")
    return 0


def _predict_many(options: Namespace) -> int:
    settings = _inpaint_options(options) | {"progress": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        jobs = _jobs_of(options)
    options.output.mkdir(parents=True, exist_ok=True)
    check_folder(options.output)
    model = _load(options)
    model.check_asked(options.samples, options.steps, options.memory_budget)
    n_pictures = len({job.image for job in jobs})
    results = "" if len(jobs) == n_pictures else f", {len(jobs)} masks"
    _say(options, f"{n_pictures} picture{'s' if n_pictures > 1 else ''}{results} on {model.place}")
    summary = Summary(pictures=n_pictures)
    for warning in caught:
        warnings.warn(warning.message, stacklevel=1)
        summary.warnings.append((str(options.images), str(warning.message)))

    def report(outcome: Outcome) -> None:
        finished = summary.done + summary.skipped + len(summary.failed)
        job = outcome.job
        is_one = job.mask is None or job.output.stem == job.image.stem
        of_mask = "" if is_one or job.mask is None else f", {job.mask.name}"
        _report(options, outcome, f"{finished}/{len(jobs)} {job.image}{of_mask}")

    load_again = partial(load, options.model, options.device, options.precision)
    workers = None if options.workers == 1 else WorkerPool(options.workers, load_again)
    try:
        run_jobs(jobs, workers or model, settings, summary, options.overwrite, report)
    finally:
        if workers is not None:
            workers.close()
        path = summary.write(options.output, settings | {"model": options.model, "computes": model.place})
        counts = f"{summary.done} done, {summary.skipped} skipped, {len(summary.failed)} failed"
        _say(options, f"{counts} in {summary.seconds:.1f} s; {path}")
    return 1 if summary.failed else 0


def _jobs_of(options: Namespace) -> list[Job]:
    masks = None if _marks_itself(options) else options.masks or options.mask
    rest = (masks, options.output, options.ending, _results(options))
    name = str(options.images)
    if name == "-":
        return list_jobs([Path(line.strip()) for line in sys.stdin if line.strip()], *rest)
    if glob.has_magic(name) and not options.images.exists():
        found = [Path(path) for path in sorted(glob.glob(name, recursive=True)) if Path(path).is_file()]
        if not found:
            raise FileNotFoundError(f"{name}: no file fits this pattern")
        return list_jobs(found, *rest)
    return find_jobs(options.images, *rest)


def _results(options: Namespace) -> int:
    return n_results({"samples": options.samples, "choose": options.choose})


def _marks_itself(options: Namespace) -> bool:
    return options.mask is None and options.masks is None


def _say(options: Namespace, text: str) -> None:
    if not (options.quiet or options.json):
        print(text, flush=True)


def _report(options: Namespace, outcome: Outcome, name: str, more: str = "") -> None:
    """A line, or with `--json` an object, about a picture; errors and warnings are never quiet."""
    if options.json:
        print(json.dumps(outcome.as_json(_results(options))), flush=True)
        return
    for warning in outcome.warnings:
        print(f"{name}: warning: {warning}", file=sys.stderr, flush=True)
    if outcome.error:
        print(f"{name}: {outcome.text}", file=sys.stderr, flush=True)
    elif not options.quiet:
        print(f"{name}: {outcome.text}{more}", flush=True)


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
        "choose": options.choose,
        "invert_mask": options.invert_mask,
        "resize_mask": options.resize_mask,
        "region_of_interest": not options.whole,
        "membrane": options.membrane,
        "composite": not options.no_composite,
        "refine": options.refine,
        "progress": sys.stderr.isatty() and not (options.quiet or options.json),
        "frames": options.frames,
        "mask_from_alpha": options.mask_from_alpha,
        "expand": options.expand,
    }


def _load(options: Namespace) -> Pipeline:
    return load(options.model or default_model(options.refine), options.device, options.precision)
