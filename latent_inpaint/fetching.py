"""A published file from the web: resumed where it broke off, verified, there as a whole or not at all."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from latent_inpaint.files import digest_of

OFFLINE = ("LATENT_INPAINT_OFFLINE", "HF_HUB_OFFLINE")
"""Variables that forbid every request, where they are set to anything but nothing or 0."""
MIRROR = "LATENT_INPAINT_MIRROR"
"""Variable with an address that is asked first: `MIRROR/FILE`."""
TRIES, TIMEOUT, BLOCK = 5, 30.0, 2**18


class FetchError(OSError):
    """A file could not be had; the message says from where it was asked, and why not."""


@dataclass(frozen=True)
class Published:
    """A file as it is published.

    Args:
        file: its name.
        addresses: where it is, the best first.
        size: in bytes; None where it is not known.
        sha256: 64 hexadecimal digits; None where it is not known.
        md5: 32 hexadecimal digits, for files of which no other is published.
    """

    file: str
    addresses: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def check(self, path: Path) -> None:
        """Whether a copy is the published file, as far as that is known.

        Raises:
            ValueError: its size or checksum is another; the message has both.
        """
        found = path.stat().st_size
        if self.size is not None and found != self.size:
            raise ValueError(f"expected {self.size} bytes, got {found}")
        for name, expected in (("sha256", self.sha256), ("md5", None if self.sha256 else self.md5)):
            if expected is not None and (digest := digest_of(path, name)) != expected:
                raise ValueError(f"expected {name} {expected}, got {digest}")


def is_offline() -> bool:
    """Whether a variable of `OFFLINE` forbids requests."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in OFFLINE)


def fetch(published: Published, folder: Path) -> Path:
    """The file in `folder`, downloaded unless it is there; of several processes one does it, the others wait.

    What a broken download left is gone on with, if a checksum tells at the end whether it fits.

    Args:
        published: what is wanted.
        folder: where it is kept; made if it is not there.

    Raises:
        FetchError: no address gave the published file, or requests are forbidden.
    """
    from filelock import FileLock

    target, part = folder / published.file, folder / f".{published.file}.part"
    if target.is_file():
        return target
    if is_offline():
        names = " or ".join(name for name in OFFLINE if os.environ.get(name))
        raise FetchError(
            f"{published.file}: is not here, and {names} forbids to download it; get "
            f"{published.addresses[0]} and put it into {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mirror = os.environ.get(MIRROR)
    first = (f"{mirror.rstrip('/')}/{published.file}",) if mirror else ()
    reasons = []
    with FileLock(folder / f".{published.file}.lock"):
        if target.is_file():  # another process has brought it
            return target
        for address in (*first, *published.addresses):
            try:
                _download(address, part, published)
                os.replace(part, target)
                return target
            except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
                reasons.append(f"{address}: {getattr(error, 'reason', None) or error}")
    raise FetchError(
        f"{published.file}: cannot be downloaded ({'; '.join(reasons)}); get it by other means and put it "
        f"into {folder}"
    )


def _download(address: str, part: Path, published: Published) -> None:
    """Fill `part` from an address, in several goes where the connection breaks, and check it."""
    can_resume = published.sha256 is not None or published.md5 is not None
    resumed = can_resume and part.is_file()
    for number in range(TRIES):
        if not can_resume:
            part.unlink(missing_ok=True)
        before = _size(part)
        try:
            _receive(address, part, published)
            break
        except ConnectionError:
            if number == TRIES - 1 or _size(part) <= before:
                raise
    try:
        published.check(part)
    except ValueError:
        part.unlink()
        if not resumed:
            raise
        _download(address, part, published)  # what was left of an earlier download was of another file


def _receive(address: str, part: Path, published: Published) -> None:
    """Append to `part` what it lacks, or write all of it where the server does not give parts.

    Raises:
        ConnectionError: the body ended too early.
    """
    start = _size(part)
    request = urllib.request.Request(address, headers={"User-Agent": "latent-inpaint"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if published.size not in (None, start):  # more than there is: of another file
            part.unlink()
            _receive(address, part, published)
        return
    with response:
        is_rest = response.status == 206
        start = start if is_rest else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        if published.size is not None and total is not None and total != published.size:
            raise ValueError(f"expected {published.size} bytes, the server has {total}")
        with part.open("ab" if is_rest else "wb") as file, _bar(published.file, start, total) as bar:
            for block in _blocks(response):
                file.write(block)
                bar.update(len(block))
                if published.size is not None and file.tell() > published.size:
                    raise ValueError(f"expected {published.size} bytes, the server sends more")
            file.flush()
            os.fsync(file.fileno())
    if total is not None and _size(part) < total:
        raise ConnectionError(f"the connection ended after {_size(part)} of {total} bytes")


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = response.read(BLOCK)
        except (OSError, HTTPException) as error:  # not those of writing
            raise ConnectionError(f"the connection broke: {error}") from error
        if not block:
            return
        yield block


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _opener() -> urllib.request.OpenerDirector:
    """Requests over HTTP alone: no redirect leads to a file of this machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _bar(name: str, start: int, total: int | None) -> Any:
    from tqdm import tqdm

    quiet = not sys.stderr.isatty()
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, disable=quiet)
