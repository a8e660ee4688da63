"""Files of pretrained weights: where they come from, whether they are the right ones; never the network.

A metric whose file is not there is null; `WeightsFile.missing_line` is the one line that says what to do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.files import sha256_of


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    Args:
        metric: what it is needed for, as printed ("FID").
        file_name: name under which it is published.
        address: where a user gets it.
        sha256: its published checksum, 64 hexadecimal digits.
        key: config key that names a local copy; "" where a package brings the file.
        aliases: other names under which downloaders keep the same file.
    """

    metric: str
    file_name: str
    address: str
    sha256: str
    key: str = ""
    aliases: tuple[str, ...] = ()

    def find(self, path: str | Path | None) -> Path | None:
        """Return the local copy: `path` if given, else one in torch.hub's cache; None if there is none."""
        if path is not None:
            return Path(path) if Path(path).is_file() else None
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        return next((cache / n for n in (self.file_name, *self.aliases) if (cache / n).is_file()), None)

    def missing_line(self, path: str | Path | None) -> str:
        """Return one line that says what is missing and where to put it."""
        looked = f"no file at {path}" if path is not None else "not in torch.hub's cache"
        return (
            f"{self.metric} is null: {self.file_name} is missing ({looked}); "
            f"get {self.address} and give its place as {self.key}=PATH"
        )

    def read(self, path: str | Path, sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
        """Read the state dictionary at `path` (plain tensors only, pickled objects are refused).

        Args:
            path: the local copy.
            sha256: the checksum to demand instead of the published one.

        Returns:
            The state dictionary, on the CPU, and the file's sha256.

        Raises:
            ValueError: the file's checksum is another.
        """
        expected = sha256 or self.sha256
        found = sha256_of(path)
        if found != expected:
            raise ValueError(
                f"{self.key or self.file_name}: {path} is not {self.file_name} as published: expected sha256 "
                f"{expected}, got {found}; get it again from {self.address}"
            )
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        return state, found
