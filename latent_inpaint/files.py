"""Files of our own: written whole or not at all, read with errors that name them, and their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

_numbers = itertools.count()


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write in place of `path`: flushed to the disk and renamed when all is written, else removed.

    It lies beside `path`, hidden, with the same ending; `file.name` says where. Its folder is made.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "results" / "table.md"
        >>> with replacing(path) as file:
        ...     _ = file.write(b"| a |")
        >>> path.read_text()
        '| a |'

    Raises:
        OSError: it could not be written (a full disk, say); names `path`, where what was before is kept.
    """
    path = Path(path)
    # not the whole name: it may be as long as names can be
    temporary = path.with_name(f".{path.stem[:40]}.{os.getpid()}-{next(_numbers)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch's archive writer complains of the consequence of a failed write
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        reason = cause.strerror or cause
        message = f"{path}: could not be written ({reason}); what was written before is kept"
        raise OSError(cause.errno, message) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file (UTF-8) in one step and return its path; see `replacing`."""
    with replacing(path) as file:
        file.write(text.encode())
    return Path(path)


def write_json(path: str | Path, value: Any) -> Path:
    """Write `value` as strict JSON, numbers that are not finite as null, in one step; return the path."""
    text = json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def read_yaml(path: str | Path) -> Any:
    """The value in a YAML file (UTF-8), of plain types alone.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no YAML.
    """
    import yaml

    return _parsed(path, "YAML", yaml.safe_load, (yaml.YAMLError, UnicodeDecodeError, RecursionError))


def read_json(path: str | Path) -> Any:
    """The value in a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no JSON.
    """
    return _parsed(path, "JSON", json.loads, (ValueError, RecursionError))


def _parsed(
    path: str | Path, kind: str, parse: Callable[[str], Any], failures: tuple[type[Exception], ...]
) -> Any:
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except failures as error:
        raise ValueError(f"{path}: not a {kind} file: {' '.join(str(error).split())}") from error


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    return digest_of(path, "sha256")


def digest_of(path: str | Path, algorithm: str) -> str:
    """A file's checksum by an algorithm of `hashlib`, in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 of JSON values, 64 hexadecimal digits; the order of keys does not matter.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def new_folder(wanted: Path) -> Path:
    """Make `wanted`, or the first of `wanted-2`, `wanted-3` … that is not there yet."""
    number = 1
    while True:
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
