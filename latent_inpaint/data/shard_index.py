"""Which shards there are and how many pictures each holds."""

import hashlib
import json
import logging
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from latent_inpaint.data.photos import EXTENSIONS
from latent_inpaint.data.shard_writer import INDEX_NAME

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """One tar file.

    Attributes:
        url: path or address, as `webdataset` opens it.
        pictures: how many it holds.
        first: number of its first picture among those of all shards.
        identity: the checksum of its content, or its name and count when there is none.
    """

    url: str
    pictures: int
    first: int
    identity: str


def find_shards(source: str) -> tuple[Shard, ...]:
    """Finds shards and the number of pictures in each.

    Args:
        source: a folder; a path with `*`; or paths or addresses with braces, such as
            `https://host/places/shard-{000000..001803}.tar`. The numbers come from the `index.json` beside
            the shards that `bin/make_shards.py` writes; local shards without one are counted.

    Raises:
        FileNotFoundError: there is no such shard.
        ValueError: remote shards without an index, or one that does not name a shard.
    """
    urls = _urls(source)
    index = _index(urls[0].rpartition("/")[0] or ".")
    shards, first = [], 0
    for url in urls:
        name = url.rpartition("/")[2]
        if index is None:
            count, identity = _count(url), ""
        elif name in index:
            count, identity = index[name]
        else:
            raise ValueError(f"data.shards: {INDEX_NAME} beside the shards does not name {name}")
        shards.append(Shard(url, count, first, identity or f"{name}:{count}"))
        first += count
    return tuple(shards)


def shards_hash(shards: tuple[Shard, ...]) -> str:
    """SHA-256 of the shards' identities, in order."""
    return hashlib.sha256("\n".join(shard.identity for shard in shards).encode()).hexdigest()


def _urls(source: str) -> list[str]:
    from webdataset.shardlists import expand_urls

    path = Path(source).expanduser()
    if path.is_dir():
        urls = sorted(map(str, path.glob("*.tar")))
    elif "://" not in source and "*" in path.name:
        urls = sorted(map(str, path.parent.glob(path.name)))
    else:
        urls = expand_urls(source)
        missing = [url for url in urls if "://" not in url and not Path(url).is_file()]
        if missing:
            raise FileNotFoundError(
                f"data.shards: {missing[0]} does not exist ({len(missing)} of {len(urls)})"
            )
    if not urls:
        raise FileNotFoundError(f"data.shards: no shards (*.tar) in {source}")
    return urls


def _index(folder: str) -> dict[str, tuple[int, str]] | None:
    """Number of pictures and checksum of each shard by name; None for local shards without an index."""
    from webdataset.gopen import gopen

    if "://" not in folder and not Path(folder, INDEX_NAME).is_file():
        log.info("no %s in %s: counting the pictures in the shards", INDEX_NAME, folder)
        return None
    try:
        with gopen(f"{folder}/{INDEX_NAME}") as file:
            content = json.loads(file.read())
        return {shard["name"]: (_pictures(shard), str(shard["sha256"])) for shard in content["shards"]}
    except (OSError, OverflowError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"data.shards: {folder}/{INDEX_NAME} cannot be used ({error}); bin/make_shards.py writes it"
        ) from error


def _pictures(shard: dict[str, Any]) -> int:
    count = int(shard["pictures"])
    if not 0 <= count <= 100_000_000:
        raise ValueError(f"{count} pictures in {shard['name']}")
    return count


def _count(path: str) -> int:
    try:
        with tarfile.open(path) as tar:
            return sum(PurePosixPath(member.name).suffix.lower() in EXTENSIONS for member in tar)
    except (OSError, tarfile.TarError) as error:
        raise ValueError(f"data.shards: {path} cannot be read as a tar file ({error})") from error
