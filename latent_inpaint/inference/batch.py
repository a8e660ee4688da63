"""Folders of pictures: one by one, finished ones skipped, bad ones reported, a summary at the end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from latent_inpaint.files import write_json
from latent_inpaint.inference.contact import sheet_path, write_contact_sheet
from latent_inpaint.inference.files import check_output, read_mask, write_picture
from latent_inpaint.inference.finding import Job, find_jobs, list_jobs, refuse_overwriting, sample_paths
from latent_inpaint.inference.frames import count_frames, repair_frames
from latent_inpaint.inference.holes import read_pair
from latent_inpaint.inference.picture import inpaint
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.inference.workers import WorkerPool

__all__ = ["Job", "Outcome", "Summary", "find_jobs", "list_jobs", "repair_file", "run_jobs", "sample_paths"]
SUMMARY_NAME = "summary.json"


@dataclass
class Summary:
    """What became of a folder; `failed` and `warnings` are (picture, message)."""

    pictures: int = 0
    done: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def write(self, folder: Path, settings: Mapping[str, Any]) -> Path:
        """Write `summary.json` into `folder`, in one step, and return its path."""
        return write_json(folder / SUMMARY_NAME, {**asdict(self), "settings": dict(settings)})


def repair_file(
    image: Path,
    mask: Path | None,
    output: Path,
    model: Pipeline | Callable[[], Pipeline],
    options: Mapping[str, Any],
) -> tuple[int, int]:
    """Repair a picture file; returns its width and height.

    Args:
        image: the picture.
        mask: its mask; None where the options mark the hole.
        output: where to write, see `sample_paths`; the ending gives the format.
        model: the pipeline, or what makes it once the files were found to be sound.
        options: those of `latent_inpaint.inference.holes.read_pair`.

    Raises:
        ValueError: a bad picture, mask, output or option, or an output that is one of the inputs.
        OSError: a file cannot be read or written.
    """
    outputs = sample_paths(output, n_results(options))
    sheets = [sheet_path(output)] if len(outputs) > 1 else []
    refuse_overwriting([*outputs, *sheets], [image, *([] if mask is None else [mask])])
    settings = dict(options)
    if settings.pop("frames", "first") == "all" and count_frames(image) > 1:
        return _repair_animation(image, mask, output, model, settings)
    picture, hole, settings = read_pair(image, mask, settings)
    check_output(output, picture.mode, picture.size)
    pipeline = model if isinstance(model, Pipeline) else model()
    repaired = inpaint(picture, hole, pipeline, **settings)
    for path, result in zip(outputs, repaired if len(outputs) > 1 else [repaired]):
        write_picture(result, path)
    for path in sheets:
        write_contact_sheet(repaired, path)
    return picture.size


def n_results(options: Mapping[str, Any]) -> int:
    """How many results a picture has by options of `inpaint`: its samples, or the one that is chosen."""
    return 1 if options.get("choose") else options.get("samples", 1)


def _repair_animation(
    image: Path,
    mask: Path | None,
    output: Path,
    model: Pipeline | Callable[[], Pipeline],
    options: dict[str, Any],
) -> tuple[int, int]:
    bordered = options.pop("expand", None) is not None
    if options.pop("mask_from_alpha", False) or mask is None or bordered or options.get("samples", 1) > 1:
        raise ValueError("frames: all frames are filled with a mask, without a border, once")
    hole = read_mask(mask)
    pipeline = model if isinstance(model, Pipeline) else model()
    return repair_frames(image, output, lambda frame: inpaint(frame, hole, pipeline, **options))


@dataclass
class Outcome:
    """What became of a job: `done` or `failed`, its size in pixels or its error, what was warned about."""

    job: Job
    error: str = ""
    size: tuple[int, int] = (0, 0)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """A line about it."""
        return f"failed: {self.error}" if self.error else f"{self.size[0]}×{self.size[1]}"

    def as_json(self, samples: int = 1) -> dict[str, Any]:
        """The same as JSON values."""
        told: dict[str, Any] = {"image": str(self.job.image), "state": "failed" if self.error else "done"}
        told["mask"] = None if self.job.mask is None else str(self.job.mask)
        told["outputs"] = [] if self.error else [str(path) for path in sample_paths(self.job.output, samples)]
        size = {"error": self.error} if self.error else {"width": self.size[0], "height": self.size[1]}
        return told | size | {"warnings": self.warnings, "seconds": round(self.seconds, 3)}


def run_jobs(
    jobs: Iterable[Job],
    model: Pipeline | WorkerPool,
    options: Mapping[str, Any],
    summary: Summary,
    overwrite: bool = False,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> None:
    """Repair pictures one by one and count them in `summary`, which is right at every moment.

    Args:
        jobs: what to do.
        model: the pipeline, or processes that have one each.
        options: those of `latent_inpaint.inference.holes.read_pair`.
        summary: is filled in.
        overwrite: repair those too whose output is there already.
        report: called with what became of each picture.
    """
    wanted = []
    for job in jobs:
        outputs = sample_paths(job.output, n_results(options))
        if not overwrite and all(output.exists() for output in outputs):
            summary.skipped += 1
        else:
            wanted.append(job)
    do = partial(run_job, options=dict(options))
    outcomes = model.map(do, wanted) if isinstance(model, WorkerPool) else (do(job, model) for job in wanted)
    for outcome in outcomes:
        name = str(outcome.job.image)
        summary.done += not outcome.error
        summary.failed += [(name, outcome.error)] if outcome.error else []
        summary.warnings += [(name, warning) for warning in outcome.warnings]
        summary.seconds += outcome.seconds
        report(outcome)


def run_job(job: Job, model: Pipeline, options: Mapping[str, Any]) -> Outcome:
    """Repair one picture; what goes wrong with it is told, not raised."""
    outcome, start = Outcome(job), time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            if not job.has_mask:
                stem = job.image.stem
                raise FileNotFoundError(
                    f"no mask of this name in {job.mask}: looked for {stem}.*, {stem}_mask*.*"
                )
            job.output.parent.mkdir(parents=True, exist_ok=True)
            outcome.size = repair_file(job.image, job.mask, job.output, model, options)
        except (ValueError, TypeError, OSError, MemoryError) as error:
            outcome.error = str(error).removeprefix(f"{job.image}: ") or type(error).__name__
    outcome.warnings = [str(warning.message).removeprefix(f"{job.image}: ") for warning in caught]
    outcome.seconds = time.perf_counter() - start
    return outcome
