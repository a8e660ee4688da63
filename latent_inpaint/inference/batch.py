"""Folders of pictures: one by one, finished ones skipped, bad ones reported, a summary at the end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from latent_inpaint.files import write_json
from latent_inpaint.folders import Found, find_files, masks_among, pair
from latent_inpaint.inference.files import SAVE_OPTIONS, check_output, read_mask, read_picture, write_picture
from latent_inpaint.inference.picture import inpaint
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.pictures.opening import ENDINGS
from latent_inpaint.pictures.plain import PictureWarning

SUMMARY_NAME = "summary.json"


@dataclass(frozen=True)
class Job:
    """A picture, its mask (or the folder that has none for it), and where the result goes."""

    image: Path
    mask: Path
    output: Path
    has_mask: bool = True


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
    mask: Path,
    output: Path,
    model: Pipeline | Callable[[], Pipeline],
    options: Mapping[str, Any],
) -> tuple[int, int]:
    """Repair a picture file; returns its width and height.

    Args:
        image: the picture.
        mask: its mask.
        output: where to write, see `sample_paths`; the ending gives the format.
        model: the pipeline, or what makes it once the files were found to be sound.
        options: those of `latent_inpaint.inpaint`.

    Raises:
        ValueError: a bad picture, mask, output or option, or an output that is one of the inputs.
        OSError: a file cannot be read or written.
    """
    outputs = sample_paths(output, options.get("samples", 1))
    _refuse_overwriting(outputs, [image, mask])
    picture, hole = read_picture(image), read_mask(mask)
    check_output(output, picture.mode, picture.size)
    pipeline = model if isinstance(model, Pipeline) else model()
    repaired = inpaint(picture, hole, pipeline, **options)
    for path, result in zip(outputs, repaired if len(outputs) > 1 else [repaired]):
        write_picture(result, path)
    return picture.size


def sample_paths(output: Path, samples: int) -> list[Path]:
    """Where the samples of a picture go: `out.png`, or `out-1.png`, `out-2.png` … of more than one."""
    if samples == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, samples + 1)]


def find_jobs(images: Path, masks: Path, output: Path, ending: str = ".png", samples: int = 1) -> list[Job]:
    """The pictures under `images`, each with its masks under `masks`; warns of what is left out.

    Pictures and masks belong together by name, see `latent_inpaint.folders.pair`; a picture of several masks
    gives several results, named after the masks. Where `masks` or `output` lies inside `images`, what is in
    it is no picture to repair, and neither is what is named like a mask.

    Args:
        images: where to look for pictures, in all folders below it.
        masks: where to look for their masks; or a file, the mask of all.
        output: where results go.
        ending: of the results, which gives the format; with or without its dot.
        samples: results of each picture and mask.

    Raises:
        FileNotFoundError: a folder is missing, or holds no pictures.
        ValueError: an unknown ending, or two pictures that would be written to one file, or over an input.
    """
    ending = f".{ending.lower().removeprefix('.')}"
    if ending not in SAVE_OPTIONS:
        raise ValueError(f"ending must be one of {', '.join(SAVE_OPTIONS)}, got {ending!r}")
    if not images.is_dir():
        raise FileNotFoundError(f"{images}: no such folder")
    if not masks.exists():
        raise FileNotFoundError(f"{masks}: no such folder, or file that is the mask of all")
    root, others = images.resolve(), [masks.resolve(), output.resolve()]
    found = find_files(images, ENDINGS, [folder for folder in others if folder != root])
    masks_of = {name: [masks] for name in found.sizes if root / name != masks.resolve()}
    if masks.is_dir():
        paired = _pair_among(found) if masks.resolve() == root else _pair_with(found, masks)
        masks_of = {name: [masks / mask for mask in of_it] for name, of_it in paired.items()}
    _warn_of_left_out(images, found)
    jobs = []
    for name, of_it in masks_of.items():
        for mask in of_it:
            result = Path(name) if len(of_it) == 1 else Path(name).with_name(mask.name)
            jobs.append(Job(images / name, mask, output / result.with_suffix(ending)))
        if not of_it:
            jobs.append(Job(images / name, masks, (output / name).with_suffix(ending), has_mask=False))
    if not jobs:
        raise FileNotFoundError(f"{images}: holds no pictures ({', '.join(ENDINGS)})")
    _refuse_collisions(jobs, samples)
    return jobs


def _pair_among(found: Found) -> dict[str, list[str]]:
    """Pictures and masks in one folder."""
    masks = masks_among(list(found.sizes))
    paired = pair([name for name in found.sizes if name not in masks], masks)
    _count_masks(found, masks.difference(*paired.values()))
    return paired


def _pair_with(found: Found, folder: Path) -> dict[str, list[str]]:
    """Pictures, and masks in a folder of their own; what is named like a mask but has one is a picture."""
    masks = find_files(folder, ENDINGS)
    _warn_of_left_out(folder, masks)
    no_pictures = masks_among(list(found.sizes))
    paired = pair(found.sizes, masks.sizes)
    _count_masks(found, {name for name in no_pictures if not paired[name]})
    return {name: of_it for name, of_it in paired.items() if of_it or name not in no_pictures}


def _count_masks(found: Found, masks: set[str]) -> None:
    if masks:
        found.left_out["masks"] += len(masks)


def _warn_of_left_out(folder: Path, found: Found) -> None:
    if found.left_out:
        warnings.warn(f"{folder}: left out: {found.left_out_text()}", PictureWarning, stacklevel=4)


def run_jobs(
    jobs: Iterable[Job],
    model: Pipeline,
    options: Mapping[str, Any],
    summary: Summary,
    overwrite: bool = False,
    report: Callable[[Job, str], None] = lambda job, text: None,
) -> None:
    """Repair pictures one by one and count them in `summary`, which is right at every moment.

    Args:
        jobs: what to do.
        model: the pipeline.
        options: those of `latent_inpaint.inpaint`.
        summary: is filled in.
        overwrite: repair those too whose output is there already.
        report: called with a line about each picture.
    """
    for job in jobs:
        start = time.perf_counter()
        outputs = sample_paths(job.output, options.get("samples", 1))
        if not overwrite and all(output.exists() for output in outputs):
            summary.skipped += 1
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            text = _run_job(job, model, summary, options)
        for warning in caught:
            message = str(warning.message).removeprefix(f"{job.image}: ")
            summary.warnings.append((str(job.image), message))
            report(job, f"warning: {message}")
        summary.seconds += time.perf_counter() - start
        report(job, text)


def _run_job(job: Job, model: Pipeline, summary: Summary, options: Mapping[str, Any]) -> str:
    try:
        if not job.has_mask:
            stem = job.image.stem
            raise FileNotFoundError(
                f"no mask of this name in {job.mask}: looked for {stem}.*, {stem}_mask*.*"
            )
        job.output.parent.mkdir(parents=True, exist_ok=True)
        width, height = repair_file(job.image, job.mask, job.output, model, options)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        message = str(error).removeprefix(f"{job.image}: ")
        summary.failed.append((str(job.image), message))
        return f"failed: {message}"
    summary.done += 1
    return f"{width}×{height}"


def _refuse_collisions(jobs: Iterable[Job], samples: int) -> None:
    by_output: dict[Path, Job] = {}
    for job in jobs:
        for output in sample_paths(job.output, samples):
            other = by_output.setdefault(output, job)
            if other != job:
                one, two = (other.image, job.image) if other.image != job.image else (other.mask, job.mask)
                raise ValueError(f"{one} and {two} would both be written to {output}; rename one of them")
    inputs = [path for job in jobs for path in (job.image, job.mask)]
    _refuse_overwriting(by_output, inputs)


def _refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    over = next((output for output in outputs if output.resolve() in taken), None)
    if over is not None:
        raise ValueError(f"{over}: would be written over an input; choose another output")
