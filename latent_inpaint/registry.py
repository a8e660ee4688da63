"""Published networks and weights by name: where each is, how one knows it, what it may be used for.

The entries are in `conf/registry/*.yaml`; files of one's own, in the same form, are added by `add`, or by the
variable `LATENT_INPAINT_REGISTRY`. Files are kept in `store()`; those in torch.hub's cache are found, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from latent_inpaint.fetching import Published, fetch
from latent_inpaint.files import read_yaml
from latent_inpaint.near import near
from latent_inpaint.resources import conf_folder

OWN = "LATENT_INPAINT_REGISTRY"
"""Variable with files of one's own, separated as in PATH."""
STORE = "LATENT_INPAINT_MODELS"
"""Variable with the folder of fetched files, in which files brought by hand are found as well."""


@dataclass(frozen=True)
class Entry:
    """A file of weights, as a registry file describes it: name → the fields below.

    Args:
        name: how it is called.
        about: what it is, and is good for, in a line.
        file: its file name.
        addresses: where it is published, mirrors after it.
        licence: of the weights.
        importer: what reads it as an inpainting network: `lama`, `torchscript`, …; None: it is none.
        size: in bytes.
        sha256: checksum, 64 hexadecimal digits.
        md5: checksum, 32 hexadecimal digits.
        must_accept: the licence has to be accepted before it is fetched.
        aliases: other names of the same file.
        signature: of a TorchScript file; see `latent_inpaint.importers.torchscript.Signature`.
    """

    name: str
    about: str
    file: str
    addresses: tuple[str, ...]
    licence: str
    importer: str | None = None
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    must_accept: bool = False
    aliases: tuple[str, ...] = ()
    signature: Mapping[str, Any] = field(default_factory=dict)

    @property
    def published(self) -> Published:
        """What a download has to give."""
        return Published(self.file, self.addresses, self.size, self.sha256, self.md5)

    def find(self) -> Path | None:
        """Where a copy is on this machine, not yet checked; None where there is none."""
        names = (self.file, *self.aliases)
        places = (folder / name for folder in (store(), _hub_cache()) for name in names)
        return next((place for place in places if place.is_file()), None)

    def get(self, accept_licence: bool = False) -> Path:
        """A checked copy, fetched where there is none.

        Args:
            accept_licence: the user accepts the licence.

        Raises:
            FetchError: it cannot be fetched.
            ValueError: what is here is another file, or the licence has to be accepted.
        """
        found = self.find()
        if found is None:
            if self.must_accept and not accept_licence:
                raise ValueError(
                    f"{self.name}: its licence must be accepted before it is fetched: {self.licence}; then "
                    f"latent-inpaint download {self.name} --accept-licence"
                )
            return fetch(self.published, store())
        try:
            self.published.check(found)
        except ValueError as error:
            raise ValueError(f"{found} is not {self.name} as published: {error}; remove it") from error
        return found


def entries() -> dict[str, Entry]:
    """All entries by name; those of one's own files win.

    Raises:
        FileNotFoundError: a file of `LATENT_INPAINT_REGISTRY` is not there.
        ValueError: a file is no registry; the message names file, entry and field.
    """
    known: dict[str, Entry] = {}
    for path in (*sorted((conf_folder() / "registry").glob("*.yaml")), *_own_files()):
        known |= _read(path, path.stat().st_mtime_ns)
    return known


def entry(name: str) -> Entry:
    """The entry of that name.

    Raises:
        ValueError: there is none; the message has the near ones.
    """
    known = entries()
    if name not in known:
        raise ValueError(f"{name}: no such name{near(name, list(known))}; `latent-inpaint models` lists all")
    return known[name]


def add(path: str | Path) -> None:
    """Add a registry file of one's own, for this process and those that it starts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no registry.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"registry: {path}: no such file")
    _read(path, path.stat().st_mtime_ns)
    if path not in _own_files():
        os.environ[OWN] = os.pathsep.join([*(str(own) for own in _own_files()), str(path)])


def store() -> Path:
    """The folder of fetched files: `LATENT_INPAINT_MODELS`, else `latent_inpaint` in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return Path(os.environ.get(STORE) or cache / "latent_inpaint").expanduser()


def _hub_cache() -> Path:
    """As torch.hub has it; torch itself is not imported for that."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _own_files() -> list[Path]:
    return [Path(path) for path in os.environ.get(OWN, "").split(os.pathsep) if path]


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> dict[str, Entry]:
    """The entries of a file, as it is at that time."""
    try:
        content = read_yaml(path)
    except ValueError as error:
        raise ValueError(f"registry: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"registry: {path}: expected names with their fields, got {type(content).__name__}")
    return {str(name): _entry(str(name), told, path) for name, told in content.items()}


def _entry(name: str, told: Any, path: Path) -> Entry:
    where = f"registry: {path}: {name}"
    if not isinstance(told, dict):
        raise ValueError(f"{where}: expected fields, got {told!r}")
    there = [each.name for each in fields(Entry) if each.name != "name"]
    for key in told:
        if key not in there:
            raise ValueError(f"{where}: no such field: {key}{near(str(key), there)}")
    if missing := [name for name in ("about", "file", "addresses", "licence") if name not in told]:
        raise ValueError(f"{where}: lacks {', '.join(missing)}")
    for key, value in told.items():
        if problem := _problem(key, value):
            raise ValueError(f"{where}.{key}: expected {problem}, got {value!r}")
    lists = {key: tuple(value) for key, value in told.items() if isinstance(value, list)}
    return Entry(name, **{**told, **lists})


def _problem(key: str, value: Any) -> str | None:
    """What was expected of a field in place of `value`; None where it is right."""
    if key in _DIGITS:
        pattern, wanted = f"[0-9a-f]{{{_DIGITS[key]}}}", f"{_DIGITS[key]} hexadecimal digits, in lower case"
    elif key in ("file", "aliases"):
        pattern, wanted = r"[^/\\]+", "names of files, without folders"
    elif key == "addresses":
        pattern, wanted = r"https?://\S+", "a list of http addresses"
    else:
        kind = {"size": int, "must_accept": bool, "signature": dict}.get(key, str)
        return None if isinstance(value, kind) and value != "" else kind.__name__
    is_list = key in ("addresses", "aliases")
    parts = value if is_list and isinstance(value, list) and value else [None] if is_list else [value]
    return None if all(isinstance(x, str) and re.fullmatch(pattern, x) for x in parts) else wanted


_DIGITS = {"sha256": 64, "md5": 32}
