"""Which pictures are to be repaired, with which masks, and where the results go: by folder or by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latent_inpaint.folders import Found, find_files, masks_among, pair
from latent_inpaint.inference.files import SAVE_OPTIONS
from latent_inpaint.pictures.opening import ENDINGS
from latent_inpaint.pictures.plain import PictureWarning


@dataclass(frozen=True)
class Job:
    """A picture, its mask (None: it brings its own; or the folder that has none), where the result goes."""

    image: Path
    mask: Path | None
    output: Path
    has_mask: bool = True


def sample_paths(output: Path, samples: int) -> list[Path]:
    """Where the samples of a picture go: `out.png`, or `out-1.png`, `out-2.png` … of more than one."""
    if samples == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, samples + 1)]


def find_jobs(
    images: Path, masks: Path | None, output: Path, ending: str = ".png", samples: int = 1
) -> list[Job]:
    """The pictures under `images`, each with its masks under `masks`; warns of what is left out.

    Pictures and masks belong together by name, see `latent_inpaint.folders.pair`; a picture of several masks
    gives several results, named after the masks. Where `masks` or `output` lies inside `images`, what is in
    it is no picture to repair, and neither is what is named like a mask.

    Args:
        images: where to look for pictures, in all folders below it.
        masks: where to look for their masks; or a file, the mask of all; None: the pictures bring theirs.
        output: where results go.
        ending: of the results, which gives the format; with or without its dot.
        samples: results of each picture and mask.

    Raises:
        FileNotFoundError: a folder is missing, or holds no pictures.
        ValueError: an unknown ending, or two pictures that would be written to one file, or over an input.
    """
    ending = _checked_ending(ending)
    if not images.is_dir():
        raise FileNotFoundError(f"{images}: no such folder")
    if masks is None:
        found = find_files(images, ENDINGS, [output.resolve()])
        return list_jobs([images / name for name in found.sizes], None, output, ending, samples, images)
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


def list_jobs(
    files: Sequence[Path],
    masks: Path | None,
    output: Path,
    ending: str = ".png",
    samples: int = 1,
    root: Path | None = None,
) -> list[Job]:
    """As `find_jobs`, of pictures that are named one by one.

    Args:
        files: the pictures.
        masks: folder of masks of the pictures' names; or the mask of all; None: the pictures bring theirs.
        output: where results go, by the pictures' names alone.
        ending: of the results.
        samples: results of each.
        root: below which the pictures' folders are kept.
    """
    ending = _checked_ending(ending)
    if not files:
        raise FileNotFoundError("images: no picture is named")
    names = [str(file.relative_to(root).as_posix()) if root else file.name for file in files]
    masks_of: dict[str, list[str]] = {}
    if masks is not None and masks.is_dir():
        masks_of = pair(names, find_files(masks, ENDINGS).sizes)
    jobs = []
    for file, name in zip(files, names):
        result = output / Path(name).with_suffix(ending)
        if masks is None or not masks.is_dir():
            jobs.append(Job(file, masks, result))
        for mask in masks_of.get(name, []):
            own = result if len(masks_of[name]) == 1 else result.with_name(Path(mask).stem + ending)
            jobs.append(Job(file, masks / mask, own))  # type: ignore[operator]
        if masks is not None and masks.is_dir() and not masks_of[name]:
            jobs.append(Job(file, masks, result, has_mask=False))
    _refuse_collisions(jobs, samples)
    return jobs


def _checked_ending(ending: str) -> str:
    ending = f".{ending.lower().removeprefix('.')}"
    if ending not in SAVE_OPTIONS:
        raise ValueError(f"ending must be one of {', '.join(SAVE_OPTIONS)}, got {ending!r}")
    return ending


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


def _refuse_collisions(jobs: Iterable[Job], samples: int) -> None:
    by_output: dict[Path, Job] = {}
    for job in jobs:
        for output in sample_paths(job.output, samples):
            other = by_output.setdefault(output, job)
            if other != job:
                one, two = (other.image, job.image) if other.image != job.image else (other.mask, job.mask)
                raise ValueError(f"{one} and {two} would both be written to {output}; rename one of them")
    inputs = [path for job in jobs for path in (job.image, job.mask) if path is not None]
    refuse_overwriting(by_output, inputs)


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """A ValueError where an output is an input."""
    taken = {path.resolve() for path in inputs}
    over = next((output for output in outputs if output.resolve() in taken), None)
    if over is not None:
        raise ValueError(f"{over}: would be written over an input; choose another output")
