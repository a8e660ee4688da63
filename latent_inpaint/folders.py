"""Files below a folder, those left out counted; and which mask belongs to which picture, by name."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MASK_SUFFIX = "_mask"


@dataclass(frozen=True)
class Found:
    """Files of a folder, at any depth.

    Attributes:
        sizes: bytes by path relative to the folder, with `/`, sorted.
        left_out: how many files of which kind were not taken.
    """

    sizes: dict[str, int]
    left_out: Counter[str] = field(default_factory=Counter)

    def left_out_text(self) -> str:
        """What was left out, such as `.avif: 1, hidden: 2`; empty when nothing was."""
        return ", ".join(f"{kind}: {count}" for kind, count in sorted(self.left_out.items()))


def find_files(folder: str | Path, endings: Sequence[str], without: Sequence[Path] = ()) -> Found:
    """The files of these endings; links to folders are followed, but no folder is looked at twice.

    Args:
        folder: where to look, at any depth.
        endings: with their dot, in lower case; others are counted as left out, and so are hidden files.
        without: resolved folders that are passed over in silence.
    """
    found: dict[str, int] = {}
    left_out: Counter[str] = Counter()
    for path, entry in _walk(str(folder), "", {os.path.realpath(folder)}, left_out, set(map(str, without))):
        ending = os.path.splitext(entry.name)[1].lower()
        if ending in endings:
            found[path] = entry.stat().st_size
        else:
            left_out[ending or "without ending"] += 1
    return Found(dict(sorted(found.items())), left_out)


def _walk(
    folder: str, prefix: str, seen: set[str], left_out: Counter[str], without: set[str]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Relative paths of the files; no folder is walked twice, by whatever link, so circles end."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        left_out["folder that cannot be read"] += 1
        return
    for entry in entries:
        if entry.name.startswith("."):
            left_out["hidden"] += 1
        elif entry.is_dir():
            target = os.path.realpath(entry.path)
            if target in without:
                continue
            if target in seen:
                left_out["folder linked twice"] += 1
                continue
            seen.add(target)
            yield from _walk(entry.path, f"{prefix}{entry.name}/", seen, left_out, without)
        elif entry.is_file():
            yield prefix + entry.name, entry
        else:
            left_out["broken link"] += 1


def pair(pictures: Iterable[str], masks: Iterable[str]) -> dict[str, list[str]]:
    """The masks of each picture, in order; every mask belongs to one name only.

    A mask has the picture's path, but for the ending, with `_mask…` after it as LaMa's tools write it (of
    several such pictures the one of the longest name has it), or, where there is none so marked, just that
    path. Names are compared in one Unicode form.

    Args:
        pictures: paths relative to their folder, with `/`.
        masks: paths relative to theirs.

    Example:
        >>> pair(["a.jpg", "a_mask_b.jpg"], ["a_mask1.png", "a_mask_b.png"])
        {'a.jpg': ['a_mask1.png'], 'a_mask_b.jpg': ['a_mask_b.png']}
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    paired: dict[str, list[str]] = {}
    for picture in pictures:
        by_stem[_stem(picture)].append(picture)
        paired[picture] = []
    plain: dict[str, list[str]] = defaultdict(list)
    for mask in sorted(masks):
        stem = _stem(mask)
        owner = next((name for name in (stem, *picture_stems(stem)) if name in by_stem), None)
        for picture in by_stem[owner] if owner is not None else ():
            (plain if owner == stem else paired)[picture].append(mask)
    return {picture: marked or plain[picture] for picture, marked in paired.items()}


def picture_stems(stem: str) -> Iterator[str]:
    """What a path could be the mask of, by its `_mask…`: the longest first."""
    end = stem.rfind(MASK_SUFFIX)
    while end > stem.rfind("/") + 1:
        yield stem[:end]
        end = stem.rfind(MASK_SUFFIX, 0, end)


def masks_among(names: Sequence[str]) -> set[str]:
    """Of pictures, those that are masks: in a folder `masks`, or `NAME_mask…` beside a picture `NAME`."""
    stems = {_stem(name) for name in names}
    return {
        name
        for name in names
        if {part.lower() for part in PurePosixPath(name).parts[:-1]} & {"mask", "masks"}
        or any(stem in stems for stem in picture_stems(_stem(name)))
    }


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", str(PurePosixPath(name).with_suffix("")))
