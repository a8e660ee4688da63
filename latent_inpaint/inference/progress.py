"""Progress of long work: a bar on the terminal, or a function of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps of it are done, and how many there are."""


def as_progress(progress: bool | Progress) -> Progress:
    """The function to call: True is a bar on stderr, False does nothing."""
    if callable(progress):
        return progress
    return _Bar().update if progress else silent


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


class _Bar:
    """One line on stderr, written over while a stage goes on."""

    def __init__(self) -> None:
        self._last = ""

    def update(self, stage: str, done: int, total: int) -> None:
        filled = 30 * done // max(1, total)
        line = f"\r{stage:<12} [{'█' * filled}{' ' * (30 - filled)}] {done}/{total}"
        if line != self._last:
            print(line, end="\n" if done == total else "", file=sys.stderr, flush=True)
            self._last = line
