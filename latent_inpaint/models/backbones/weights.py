"""Files of pretrained weights: where they come from, where a copy is looked for, whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.files import sha256_of
from latent_inpaint.models.storage import load_weights, read_checkpoint


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights. It is never downloaded; a local copy is looked for, and named if missing.

    Args:
        needed_by: what it is needed for, as printed ("FID").
        file_name: name under which it is published.
        address: where a user gets it.
        key: config key that names a local copy.
        sha256: its published checksum, 64 hexadecimal digits; None where none is published.
        aliases: other names under which downloaders keep the same file.
    """

    needed_by: str
    file_name: str
    address: str
    key: str
    sha256: str | None = None
    aliases: tuple[str, ...] = ()

    def find(self, path: str | Path | None) -> Path | None:
        """Return the local copy: `path` if given, else one in torch.hub's cache; None if there is none."""
        if path is not None:
            return Path(path) if Path(path).is_file() else None
        names = (self.file_name, *self.aliases)
        return next((_cache() / name for name in names if (_cache() / name).is_file()), None)

    def require(self, path: str | Path | None) -> Path:
        """Return the local copy as `find` does.

        Raises:
            FileNotFoundError: there is none; the message is `needed_by` and `missing_line`.
        """
        found = self.find(path)
        if found is None:
            raise FileNotFoundError(f"{self.needed_by} needs a file: {self.missing_line(path)}")
        return found

    def missing_line(self, path: str | Path | None) -> str:
        """Return one line that says what is missing, where it was looked for, and what to do."""
        place = _cache() / self.file_name if path is None else path
        return f"{self.file_name} is not at {place}; download {self.address} and set {self.key}=FILE"

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
        expected, found = sha256 or self.sha256, sha256_of(path)
        if expected is not None and found != expected:
            raise ValueError(
                f"{self.key}: {path} is not {self.file_name} as published: expected sha256 {expected}, "
                f"got {found}; get it again from {self.address}"
            )
        return read_checkpoint(path), found


def load_known(network: nn.Module, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Load all of the network's tensors from `weights`; what else is there, a classifier's, is left.

    Raises:
        ValueError: a tensor is missing or has another shape; the message names it and `path`.
    """
    known = {name: weights[name] for name in network.state_dict() if name in weights}
    load_weights(network, known, str(path))


def _cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
