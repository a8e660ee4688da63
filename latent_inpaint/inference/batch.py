"""Folders of pictures: one by one, finished ones skipped, bad ones reported, a summary at the end."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from latent_inpaint.files import write_json
from latent_inpaint.inference.files import SAVE_OPTIONS, check_output, read_mask, read_picture, write_picture
from latent_inpaint.inference.picture import inpaint
from latent_inpaint.models.inpainter import LatentInpainter

SUMMARY_NAME = "summary.json"
PICTURE_ENDINGS = tuple(SAVE_OPTIONS)
_MASK_SUFFIX = "_mask"


@dataclass(frozen=True)
class Job:
    """A picture, its mask (None if none was found), and where the result goes."""

    image: Path
    mask: Path | None
    output: Path


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
    model: LatentInpainter | Callable[[], LatentInpainter],
    options: Mapping[str, Any],
) -> tuple[int, int]:
    """Repair a picture file; returns its width and height.

    Args:
        image: the picture.
        mask: its mask.
        output: where to write; the ending gives the format.
        model: the network, or what makes it once the files were found to be sound.
        options: those of `latent_inpaint.inpaint`.

    Raises:
        ValueError: a bad picture, mask, output or option, or an output that is one of the inputs.
        OSError: a file cannot be read or written.
    """
    _refuse_overwriting([output], [image, mask])
    picture, hole = read_picture(image), read_mask(mask)
    check_output(output, picture.mode, picture.size)
    network = model if isinstance(model, LatentInpainter) else model()
    write_picture(inpaint(picture, hole, network, **options), output)
    return picture.size


def find_jobs(images: Path, masks: Path, output: Path, ending: str = ".png") -> list[Job]:
    """The pictures under `images`, each with the mask of its name under `masks`.

    A mask has the picture's relative path with any ending, or with `_mask…` after the name, as LaMa's tools
    write it. Where `masks` or `output` lies inside `images`, what is in it is no picture to repair.

    Args:
        images: where to look for pictures, in all folders below it.
        masks: where to look for their masks.
        output: where results go.
        ending: of the results, which gives the format; with or without its dot.

    Raises:
        FileNotFoundError: a folder is missing, or holds no pictures.
        ValueError: an unknown ending, or two pictures that would be written to one file, or over an input.
    """
    ending = f".{ending.lower().removeprefix('.')}"
    if ending not in PICTURE_ENDINGS:
        raise ValueError(f"ending must be one of {', '.join(PICTURE_ENDINGS)}, got {ending!r}")
    for folder in (images, masks):
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder")
    mask_of = _index_masks(masks)
    root, others = images.resolve(), [masks.resolve(), output.resolve()]
    inside = [folder for folder in others if folder != root and folder.is_relative_to(root)]
    jobs = []
    for path in _pictures(images):
        name = path.relative_to(images)
        is_mask = masks.resolve() == root and _MASK_SUFFIX in name.stem
        if is_mask or any((root / name).is_relative_to(folder) for folder in inside):
            continue
        mask = next((mask for mask in mask_of[name.with_suffix("")] if mask != path), None)
        jobs.append(Job(path, mask, output / name.with_suffix(ending)))
    if not jobs:
        raise FileNotFoundError(f"{images}: holds no pictures ({', '.join(PICTURE_ENDINGS)})")
    _refuse_collisions(jobs)
    return jobs


def run_jobs(
    jobs: Iterable[Job],
    model: LatentInpainter,
    options: Mapping[str, Any],
    summary: Summary,
    overwrite: bool = False,
    report: Callable[[Job, str], None] = lambda job, text: None,
) -> None:
    """Repair pictures one by one and count them in `summary`, which is right at every moment.

    Args:
        jobs: what to do.
        model: the network.
        options: those of `latent_inpaint.inpaint`.
        summary: is filled in.
        overwrite: repair those too whose output is there already.
        report: called with a line about each picture.
    """
    for job in jobs:
        start = time.perf_counter()
        if job.output.exists() and not overwrite:
            summary.skipped += 1
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            text = _run_job(job, model, summary, options)
        for warning in caught:
            summary.warnings.append((str(job.image), str(warning.message)))
            report(job, f"warning: {warning.message}")
        summary.seconds += time.perf_counter() - start
        report(job, text)


def _run_job(job: Job, model: LatentInpainter, summary: Summary, options: Mapping[str, Any]) -> str:
    try:
        if job.mask is None:
            raise FileNotFoundError(f"{job.image}: no mask of this name")
        job.output.parent.mkdir(parents=True, exist_ok=True)
        width, height = repair_file(job.image, job.mask, job.output, model, options)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        summary.failed.append((str(job.image), str(error)))
        return f"failed: {error}"
    summary.done += 1
    return f"{width}×{height}"


def _pictures(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()
    )


def _index_masks(folder: Path) -> defaultdict[Path, list[Path]]:
    """Name of a picture → masks for it, those of just its name first."""
    index: defaultdict[Path, list[Path]] = defaultdict(list)
    paths = [(path, path.relative_to(folder).with_suffix("")) for path in _pictures(folder)]
    for path, name in paths:
        index[name].append(path)
    for path, name in paths:
        picture = name.name.rpartition(_MASK_SUFFIX)[0]
        if picture:
            index[name.with_name(picture)].append(path)
    return index


def _refuse_collisions(jobs: Iterable[Job]) -> None:
    by_output: dict[Path, Path] = {}
    for job in jobs:
        other = by_output.setdefault(job.output, job.image)
        if other != job.image:
            raise ValueError(
                f"{other} and {job.image} would both be written to {job.output}; rename one of them"
            )
    inputs = [path for job in jobs for path in (job.image, job.mask) if path is not None]
    _refuse_overwriting(by_output, inputs)


def _refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    over = next((output for output in outputs if output.resolve() in taken), None)
    if over is not None:
        raise ValueError(f"{over}: would be written over an input; choose another output")
