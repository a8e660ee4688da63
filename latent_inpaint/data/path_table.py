"""Millions of relative paths as two arrays: quick to load, to hash and to share between processes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np


class PathTable(Sequence[str]):
    """An immutable sequence of paths, kept as one UTF-8 text and the positions where each path ends.

    Args:
        text: uint8, the paths with a line feed between them.
        ends: int64 `[n]`, where each path ends in `text`.
    """

    def __init__(self, text: np.ndarray, ends: np.ndarray) -> None:
        if len(ends) and (ends[-1] != len(text) or (np.diff(ends) < 1).any()):
            raise ValueError("path table: the positions do not fit the text")
        self.text = text
        self.ends = ends

    @classmethod
    def of(cls, paths: Iterable[str]) -> "PathTable":
        """A table of the given paths, in their order."""
        encoded = [path.encode("utf-8", "surrogateescape") for path in paths]
        lengths = np.fromiter((len(path) + 1 for path in encoded), dtype=np.int64, count=len(encoded))
        text = np.frombuffer(b"\n".join(encoded), dtype=np.uint8)
        return cls(text, np.cumsum(lengths) - 1)

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        text, start = self.text.tobytes(), 0
        for end in self.ends.tolist():
            yield text[start:end].decode("utf-8", "surrogateescape")
            start = end + 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = self.ends[number - 1] + 1 if number else 0
        return self.text[start : self.ends[number]].tobytes().decode("utf-8", "surrogateescape")


def joined(paths: Sequence[str]) -> bytes:
    """All paths with a line feed between them, for hashing."""
    if isinstance(paths, PathTable):
        return paths.text.tobytes()
    return "\n".join(paths).encode("utf-8", "surrogateescape")
