"""Files of pretrained weights: where they come from, where a copy is looked for, whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from latent_inpaint.fetching import FetchError
from latent_inpaint.files import sha256_of
from latent_inpaint.models.storage import load_weights, read_checkpoint
from latent_inpaint.registry import Entry, entry, store


@dataclass(frozen=True)
class WeightsFile:
    """Published weights that a metric or a loss needs: an entry of the registry, or a file of the user's.

    Args:
        needed_by: what it is needed for, as printed ("FID").
        name: in the registry.
        key: config key that names a local copy.
    """

    needed_by: str
    name: str
    key: str

    @property
    def entry(self) -> Entry:
        """Its entry in the registry."""
        return entry(self.name)

    def find(self, path: str | Path | None) -> Path | None:
        """The local copy: `path` if given, else the registry's; None if there is none."""
        if path is not None:
            return Path(path) if Path(path).is_file() else None
        return self.entry.find()

    def require(self, path: str | Path | None) -> Path:
        """The local copy as `find` has it, else, where no path is given, a fetched one.

        Raises:
            FileNotFoundError: there is none; the message is `needed_by` and what to do.
            ValueError: what the registry finds is another file.
        """
        found = self.find(path)
        if found is not None:
            return found
        if path is not None:
            raise FileNotFoundError(f"{self.needed_by} needs a file: {self.missing_line(path)}")
        try:
            return self.entry.get()
        except FetchError as error:
            raise FileNotFoundError(f"{self.needed_by} needs {error}, or set {self.key}=FILE") from error

    def missing_line(self, path: str | Path | None) -> str:
        """One line that says what is missing, where it was looked for, and what to do."""
        place = store() if path is None else path
        return (
            f"{self.entry.file} is not at {place}; `latent-inpaint download {self.name}` brings it, or set "
            f"{self.key}=FILE"
        )

    def read(self, path: str | Path, sha256: str | None = None) -> tuple[dict[str, Any], str]:
        """Read the state dictionary at `path` (plain tensors only, pickled objects are refused).

        Args:
            path: the local copy.
            sha256: the checksum to demand instead of the published one.

        Returns:
            The state dictionary, on the CPU, and the file's sha256.

        Raises:
            ValueError: the file's checksum is another, or it is no plain checkpoint.
        """
        return read_weights(path, sha256 or self.entry.sha256, self.key)


def read_weights(path: str | Path, sha256: str | None, key: str) -> tuple[dict[str, Any], str]:
    """The state dictionary in a file, on the CPU, and the file's sha256.

    Args:
        path: plain tensors only; pickled objects are refused.
        sha256: the checksum to demand; None takes any.
        key: what the user sets to name another file.

    Raises:
        ValueError: the file's checksum is another, or it is no plain checkpoint.
    """
    found = sha256_of(path)
    if sha256 is not None and found != sha256:
        raise ValueError(f"{key}: {path} is not the published file: expected sha256 {sha256}, got {found}")
    return read_checkpoint(path), found


def load_known(network: nn.Module, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Load all of the network's tensors from `weights`; what else is there, a classifier's, is left.

    Raises:
        ValueError: a tensor is missing or has another shape; the message names it and `path`.
    """
    known = {name: weights[name] for name in network.state_dict() if name in weights}
    load_weights(network, known, str(path))
