"""Writes WebDataset shards from a folder of pictures, shuffled once and for all."""

import logging
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from latent_inpaint.data.listing import Listing
from latent_inpaint.data.photos import UnreadablePicture, read_picture
from latent_inpaint.data.seeding import Stream, generator_for
from latent_inpaint.files import sha256_of, write_json

log = logging.getLogger(__name__)

INDEX_NAME = "index.json"


@dataclass(frozen=True)
class ShardsWritten:
    """What `write_shards` did: number of shards and pictures, names of the pictures left out."""

    shards: int
    pictures: int
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        """A line for the command line."""
        return f"{self.pictures} pictures in {self.shards} shards, {len(self.skipped)} unreadable left out"


def write_shards(
    pictures: Listing, output: Path, pictures_per_shard: int = 1000, seed: int = 0, verify: bool = True
) -> ShardsWritten:
    """Copies the files, byte for byte, into `shard-000000.tar` … and writes `index.json` beside them.

    Every picture is a pair `NNNNNNNN.jpg`, `NNNNNNNN.json` (its relative path) in a seeded random order, so
    that neighbours in a shard are not of one class. The index holds the number of pictures and the SHA-256
    of each shard; it is written last.

    Args:
        pictures: the files.
        output: an empty or new folder.
        pictures_per_shard: all shards but the last hold so many.
        seed: of the order.
        verify: decode every picture and leave out, with a warning, what cannot be read.

    Raises:
        ValueError: `output` holds shards already, or no picture can be read.
    """
    import webdataset

    if pictures_per_shard < 1:
        raise ValueError(f"pictures_per_shard: expected at least 1, got {pictures_per_shard}")
    if output.is_dir() and (any(output.glob("*.tar")) or (output / INDEX_NAME).exists()):
        raise ValueError(f"output: expected a folder without shards, {output} has some")
    output.mkdir(parents=True, exist_ok=True)
    pattern = str(output / "shard-%06d.tar").replace("%06d", "\0").replace("%", "%%").replace("\0", "%06d")
    skipped: list[str] = []
    with webdataset.ShardWriter(pattern, maxcount=pictures_per_shard, maxsize=2**40, verbose=0) as writer:
        written = 0
        for number in generator_for(Stream.ORDER, seed).permutation(len(pictures)).tolist():
            sample = _sample(pictures, number, written, verify)
            if sample is None:
                skipped.append(pictures.names[number])
            else:
                writer.write(sample)
                written += 1
    if not written:
        raise ValueError(f"none of the {len(pictures)} pictures in {pictures.root} can be read")
    shards = _write_index(output, written, pictures_per_shard, pictures.hash())
    return ShardsWritten(shards, written, tuple(skipped))


def _sample(pictures: Listing, number: int, position: int, verify: bool) -> dict[str, Any] | None:
    name = pictures.names[number]
    try:
        content = pictures.path(number).read_bytes()
        if verify:
            read_picture(BytesIO(content))
    except (OSError, UnreadablePicture) as error:
        log.warning("left out: %s: %s", name, error)
        return None
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    return {"__key__": f"{position:08d}", extension: content, "json": {"name": name}}


def _write_index(output: Path, pictures: int, pictures_per_shard: int, source: str) -> int:
    paths = sorted(output.glob("shard-*.tar"))
    counts = [min(pictures_per_shard, pictures - n * pictures_per_shard) for n in range(len(paths))]
    shards = [
        {"name": path.name, "pictures": count, "sha256": sha256_of(path)}
        for path, count in zip(paths, counts)
    ]
    index = {"version": 1, "pictures": pictures, "source_files": source, "shards": shards}
    write_json(output / INDEX_NAME, index)
    return len(shards)
