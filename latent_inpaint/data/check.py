"""Looks at every picture of a data set: counts, sizes, unreadable files, and a sheet with masks."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.listing import Listing
from latent_inpaint.data.mask_sources import MaskSource
from latent_inpaint.data.photos import UnreadablePicture, read_picture
from latent_inpaint.data.sheets import contact_sheet, overlay


@dataclass(frozen=True)
class Report:
    """What was found in a list of pictures.

    Attributes:
        pictures: how many there are.
        total_bytes: of all files.
        extensions: how many files of each kind.
        sizes: int `[n, 2]`, height and width of the readable pictures.
        unreadable: a message, with the name, for each file that cannot be decoded.
    """

    pictures: int
    total_bytes: int
    extensions: Counter[str]
    sizes: np.ndarray
    unreadable: tuple[str, ...]

    def lines(self) -> Iterable[str]:
        """The report as text."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.extensions.most_common())
        yield f"{self.pictures} pictures, {self.total_bytes / 2**20:.1f} MiB ({kinds})"
        yield f"{len(self.sizes)} decoded, {len(self.unreadable)} unreadable"
        if len(self.sizes):
            short = np.sort(self.sizes.min(axis=1))
            ratio = (self.sizes.max(axis=1) / self.sizes.min(axis=1)).max()
            median = short[len(short) // 2]
            yield f"short side {short[0]} to {short[-1]}, median {median}; at most {ratio:.2f}:1"
        yield from (f"unreadable: {message}" for message in self.unreadable)


def check(pictures: Listing, limit: int | None = None, workers: int = 1) -> Report:
    """Decodes the pictures of a listing.

    Args:
        pictures: the files.
        limit: decode only so many, chosen by the hash of their names; None decodes all.
        workers: processes.
    """
    chosen = pictures.subset(limit)
    paths = [chosen.path(index) for index in range(len(chosen))]
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(_size_or_message, paths, chunksize=32))
    return Report(
        pictures=len(pictures),
        total_bytes=int(pictures.sizes.sum()),
        extensions=Counter(PurePosixPath(name).suffix.lower() for name in pictures.names),
        sizes=np.array([result for result in results if not isinstance(result, str)]).reshape(-1, 2),
        unreadable=tuple(result for result in results if isinstance(result, str)),
    )


def _size_or_message(path: Path) -> tuple[int, int] | str:
    try:
        height, width, _ = read_picture(path).shape
    except UnreadablePicture as error:
        return str(error)
    return height, width


def overlay_sheet(
    splits: Sequence[tuple[str, Listing]], masks: MaskSource, size: int, output: Path, columns: int = 8
) -> None:
    """Writes a picture of centre crops with their masks in red, a row for each list of pictures."""
    masks.prepare()
    rows = [(name, _overlays(listing.subset(columns), masks, size)) for name, listing in splits]
    output.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(rows, tile=min(size, 160)).save(output)


def _overlays(pictures: Listing, masks: MaskSource, size: int) -> list[np.ndarray]:
    tiles = []
    for index, name in enumerate(pictures.names):
        try:
            picture = read_picture(pictures.path(index))
        except UnreadablePicture:
            continue
        crop = Crop.of((picture.shape[0], picture.shape[1]), size, short_side=size)
        tiles.append(overlay(crop.image(picture), masks.mask(index, name, crop)))
    return tiles
