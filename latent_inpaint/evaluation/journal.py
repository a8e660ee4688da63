"""What an interrupted evaluation leaves behind, and how the next one with the same facts goes on from it."""

from __future__ import annotations

import copy
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from latent_inpaint.files import fingerprint, replacing
from latent_inpaint.metrics.suite import MetricSuite

log = logging.getLogger(__name__)

SHARE_OF_TIME = 0.02


class Journal:
    """Keeps the values of all pictures measured so far in a file, written in one step.

    Several processes that share an evaluation keep a file each (`part`), whose pictures `restore` finds,
    whatever the number of processes then.

    Args:
        folder: where journals lie.
        facts: what all numbers depend on (pictures, masks, metrics), JSON values; they name the file.
        methods: what each method's numbers depend on besides; a method whose facts changed starts anew, and
            others are not kept.
        every: seconds between two savings at the least; more where saving takes long.
    """

    def __init__(self, folder: Path, facts: Any, methods: Mapping[str, Any], every: float = 30.0) -> None:
        self._name = fingerprint(facts)[:24]
        self.path = folder / f"{self._name}.pt"
        self.every = every
        self._methods = {name: fingerprint(method) for name, method in methods.items()}
        self._next = time.monotonic() + every
        self._restored: list[Path] = []

    def part(self) -> Journal:
        """A journal of this process's own share."""
        own = copy.copy(self)
        own.path = self.path.with_name(f"{self._name}.{uuid.uuid4().hex[:12]}.pt")
        own._restored = []
        return own

    def done(self) -> dict[str, set[str]]:
        """Names of the pictures that are in the files, by method."""
        names: dict[str, set[str]] = {name: set() for name in self._methods}
        for _, state in self._states():
            for name, records in state["suite"]["methods"].items():
                names[name] |= set(records["names"])
        return names

    def restore(self, suite: MetricSuite) -> dict[str, float]:
        """Put what an interrupted evaluation measured into `suite`; return the seconds that each method took.

        An unreadable journal is left out with a warning: everything can be measured again.
        """
        seconds: dict[str, float] = {}
        for path, state in self._states():
            try:
                suite.load_state_dict(state["suite"])
            except Exception as error:  # a damaged file raises what the suite happens to meet
                _leave_out(path, error)
                continue
            for name, value in state["seconds"].items():
                seconds[name] = seconds.get(name, 0.0) + value
            self._restored.append(path)
        return seconds

    def _states(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """What the files hold of the methods whose facts have not changed."""
        for path in sorted(self.path.parent.glob(f"{self._name}*.pt")):
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                same = {name for name, facts in state["methods"].items() if self._methods.get(name) == facts}
                records = state["suite"]["methods"]
                state["suite"]["methods"] = {name: kept for name, kept in records.items() if name in same}
                state["seconds"] = {name: value for name, value in state["seconds"].items() if name in same}
            except Exception as error:  # a damaged file raises what the unpickler happens to meet
                _leave_out(path, error)
                continue
            yield path, state

    def save_now_and_then(self, suite: MetricSuite, seconds: Mapping[str, float], now: bool = False) -> None:
        """Save when it is time: at most `SHARE_OF_TIME` of an evaluation goes into saving.

        `now` saves in any case. A full disk stops no evaluation: a failure is a warning.
        """
        if not now and time.monotonic() < self._next:
            return
        try:
            self.save(suite, seconds)
        except OSError as error:
            log.warning("%s", error)
            self._next = time.monotonic() + self.every

    def save(self, suite: MetricSuite, seconds: Mapping[str, float]) -> None:
        """Write everything measured so far.

        Raises:
            OSError: it could not be written; what was saved before is kept.
        """
        started = time.monotonic()
        measured = suite.state_dict()
        measured["methods"] = {n: records for n, records in measured["methods"].items() if n in self._methods}
        state = {"methods": self._methods, "seconds": dict(seconds), "suite": measured}
        with replacing(self.path) as file:
            torch.save(state, file)
        self._forget_parts()
        now = time.monotonic()
        self._next = now + max(self.every, (now - started) / SHARE_OF_TIME)

    def remove(self) -> None:
        """Forget it: the results are written."""
        self._forget_parts()
        self.path.unlink(missing_ok=True)

    def _forget_parts(self) -> None:
        """What was restored is in this file now."""
        for path in self._restored:
            if path != self.path:
                path.unlink(missing_ok=True)
        self._restored = []


def _leave_out(path: Path, error: Exception) -> None:
    log.warning("%s: left out, it cannot be read: %s: %s", path, type(error).__name__, error)
