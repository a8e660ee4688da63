"""Lists of picture files: recursive, keyed on the path relative to the data folder."""

import codecs
import hashlib
import heapq
import logging
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latent_inpaint.data.path_table import joined
from latent_inpaint.data.photos import EXTENSIONS
from latent_inpaint.folders import find_files, masks_among

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """Files of a folder.

    Attributes:
        root: the data folder.
        names: paths relative to it, with `/`, sorted.
        sizes: int64 `[n]`, bytes of each file.
    """

    root: Path
    names: Sequence[str]
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """The full path of a file."""
        return self.root / self.names[index]

    def select(self, indices: Sequence[int]) -> "Listing":
        """The files at `indices`, in that order."""
        names = [self.names[i] for i in indices]
        return Listing(self.root, names, self.sizes[np.asarray(indices, dtype=np.int64)])

    def without(self, others: "Listing") -> "Listing":
        """The files that `others` does not have, wherever its folder lies."""
        taken = {os.path.realpath(others.path(i)) for i in range(len(others))}
        kept = [i for i in range(len(self)) if os.path.realpath(self.path(i)) not in taken] if taken else None
        return self if kept is None or len(kept) == len(self) else self.select(kept)

    def subset(self, count: int | None) -> "Listing":
        """`count` files chosen by the hash of their name: the same for everybody, whatever the seed.

        None, or a count above the number of files, keeps all.
        """
        if count is None or count >= len(self):
            return self
        if count < 1:
            raise ValueError(f"subset: expected at least 1 picture, got {count}")
        hashes = ((name_hash(name), index) for index, name in enumerate(self.names))
        return self.select(sorted(index for _, index in heapq.nsmallest(count, hashes)))

    def hash(self) -> str:
        """SHA-256 of names and sizes, in order; the folder's place does not enter."""
        digest = hashlib.sha256(joined(self.names))
        digest.update(b"\0")
        digest.update(np.ascontiguousarray(self.sizes, dtype="<i8").tobytes())
        return digest.hexdigest()


def name_hash(name: str) -> int:
    """A 64-bit hash of a relative path, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big")


def list_pictures(root: str | Path) -> Listing:
    """Finds the pictures (JPEG, PNG, WebP by their extension) below a folder.

    Hidden files, other endings and masks (in folders `masks`, or `NAME_mask…` beside a picture `NAME`) are
    left out, and counted in the log.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: it holds no picture.
    """
    root = existing_folder(root)
    found = find_files(root, EXTENSIONS)
    masks = masks_among(list(found.sizes))
    if masks:
        found.left_out["masks"] += len(masks)
    left_out = found.left_out_text()
    names = [name for name in found.sizes if name not in masks]
    if not names:
        others = f"; left out: {left_out}" if left_out else ""
        raise ValueError(f"no pictures in {root}: looked for {', '.join(EXTENSIONS)} at any depth{others}")
    if left_out:
        log.warning("data: %s: left out: %s", root, left_out)
    return Listing(root, names, np.array([found.sizes[name] for name in names], dtype=np.int64))


def existing_folder(root: str | Path, argument: str = "data.root") -> Path:
    """`root` as a path, or an error that names the argument."""
    path = Path(root).expanduser()
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{argument}: expected a folder with pictures, {path} {what}")
    return path


def read_file_list(path: str | Path, *roots: Path) -> Listing:
    """The pictures named in a text file: one path per line, relative to a data folder.

    Lines as in Places365's own lists (`/a/airfield/00000001.jpg 0`) are understood: a leading slash and an
    index after the path are dropped. The order is the file's; what it names twice is taken once.

    Args:
        path: the list.
        roots: data folders; the first one in which the first picture exists is taken.

    Raises:
        FileNotFoundError: the list, or a picture that it names, does not exist.
        ValueError: an empty list, or a path that leaves the data folder.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"file list {path} does not exist")
    lines = _text(path).splitlines()
    names = [_listed_name(line) for line in lines if line.strip()]
    if not names:
        raise ValueError(f"file list {path} is empty: expected one relative path per line")
    for name in names:
        if ".." in name.split("/"):
            raise ValueError(f"file list {path}: {name} leaves the data folder")
    root = next((root for root in roots if _size(root / _as_stored(root, names[0])) >= 0), roots[0])
    sizes_of = {name: _size(root / name) for name in names}
    for name in [name for name, size in sizes_of.items() if size < 0]:
        stored = _as_stored(root, name)
        if stored != name:
            del sizes_of[name]
            sizes_of[stored] = _size(root / stored)
    names, sizes = list(sizes_of), list(sizes_of.values())
    missing = [name for name, size in zip(names, sizes) if size < 0]
    if missing:
        count = f"{len(missing)} of {len(names)}"
        raise FileNotFoundError(f"file list {path}: {count} are not in {root}, first {missing[0]}")
    return Listing(root, names, np.array(sizes, dtype=np.int64))


def _text(path: Path) -> str:
    """A text file in UTF-8, or in UTF-16 with its mark, as Notepad writes them."""
    content = path.read_bytes()
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode(
        "utf-16" if is_wide else "utf-8-sig", errors="replace" if is_wide else "surrogateescape"
    )


def _size(path: Path) -> int:
    """Size in bytes, -1 for what is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _as_stored(root: Path, name: str) -> str:
    """A listed name in the Unicode form that the disk has it in; as it is where neither is there."""
    forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return next((form for form in forms if _size(root / form) >= 0), name)


def _listed_name(line: str) -> str:
    name, _, index = line.strip().rpartition(" ")
    return (name.rstrip() if name and index.isdigit() else line.strip()).lstrip("/")
