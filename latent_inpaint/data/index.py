"""An index file for large picture folders: the second start does not walk the tree again.

A changed folder is noticed by the modification time of every directory in it, which the system updates when
an entry is added, removed or renamed. Pictures overwritten in place keep their entry and go unnoticed.
"""

import hashlib
import logging
import os
import zipfile
from pathlib import Path

import numpy as np

from latent_inpaint.data.listing import Listing, list_pictures
from latent_inpaint.data.path_table import PathTable
from latent_inpaint.files import replacing

log = logging.getLogger(__name__)

_VERSION = 2


def indexed(folder: Path, index_dir: Path) -> Listing:
    """The pictures below `folder`, from an index file in `index_dir` when there is one that still holds.

    Args:
        folder: a data folder.
        index_dir: where index files are kept; made when missing. Nothing is written into `folder`.

    Raises:
        ValueError: no pictures, or `index_dir` lies inside the data folder.
    """
    folder, index_dir = folder.resolve(), index_dir.expanduser().resolve()
    if index_dir.is_relative_to(folder):
        raise ValueError(f"index_dir: expected a place outside of the data folder {folder}, got {index_dir}")
    path = index_dir / f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.npz"
    listing = _load(path, folder)
    if listing is None:
        times = _folder_times(folder)  # before the listing: what changes meanwhile is noticed next time
        listing = list_pictures(folder)
        listing = Listing(folder, PathTable.of(listing.names), listing.sizes)
        _save(path, listing, times)
        log.info("index of %d pictures in %s written to %s", len(listing), folder, path)
    return listing


def _folder_times(folder: Path) -> dict[str, int]:
    """Modification time in ns of the folder and all below, by relative path; links are followed."""
    times = {}
    for current, below, _ in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".") and not _leads_up(current, name)]
        times[os.path.relpath(current, folder)] = os.stat(current).st_mtime_ns
    return times


def _leads_up(current: str, name: str) -> bool:
    path = os.path.join(current, name)
    above = os.path.join(os.path.realpath(path), "")
    return os.path.islink(path) and os.path.join(os.path.realpath(current), "").startswith(above)


def _save(path: Path, listing: Listing, times: dict[str, int]) -> None:
    assert isinstance(listing.names, PathTable)
    folders = PathTable.of(times)
    with replacing(path) as file:
        np.savez(
            file,
            version=np.int64(_VERSION),
            text=listing.names.text,
            ends=listing.names.ends,
            sizes=listing.sizes,
            folders=folders.text,
            folder_ends=folders.ends,
            folder_times=np.fromiter(times.values(), dtype=np.int64, count=len(times)),
        )


def _load(path: Path, folder: Path) -> Listing | None:
    """The listing of an index file that still describes the folder, else None."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if stored["version"] != _VERSION:
                return None
            folders = PathTable(stored["folders"], stored["folder_ends"])
            listing = Listing(folder, PathTable(stored["text"], stored["ends"]), stored["sizes"])
            times = stored["folder_times"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("index %s cannot be read (%s): made anew", path, error)
        return None
    if _unchanged(folder, folders, times):
        return listing
    log.info("%s has changed: index %s made anew", folder, path)
    return None


def _unchanged(folder: Path, folders: PathTable, times: list[int]) -> bool:
    try:
        return len(folders) == len(times) and all(
            os.stat(folder / name).st_mtime_ns == time for name, time in zip(folders, times)
        )
    except OSError:
        return False
