"""What an interrupted evaluation leaves behind, and how the next one with the same facts goes on from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from latent_inpaint.files import fingerprint, replacing
from latent_inpaint.metrics.suite import MetricSuite

log = logging.getLogger(__name__)

SHARE_OF_TIME = 0.02


class Journal:
    """Keeps the values of all pictures measured so far in one file, written in one step.

    Args:
        folder: where journals lie.
        facts: what all numbers depend on (pictures, masks, metrics), JSON values; they name the file.
        methods: what each method's numbers depend on besides; a method whose facts changed starts anew, and
            others are not kept.
        every: seconds between two savings at the least; more where saving takes long.
    """

    def __init__(self, folder: Path, facts: Any, methods: Mapping[str, Any], every: float = 30.0) -> None:
        self.path = folder / f"{fingerprint(facts)[:24]}.pt"
        self.every = every
        self._methods = {name: fingerprint(method) for name, method in methods.items()}
        self._next = time.monotonic() + every

    def restore(self, suite: MetricSuite) -> dict[str, float]:
        """Put what an interrupted evaluation measured into `suite`; return the seconds that each method took.

        An unreadable journal is left out with a warning: everything can be measured again.
        """
        if not self.path.is_file():
            return {}
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            same = {name for name, facts in state["methods"].items() if self._methods.get(name) == facts}
            measured = state["suite"]
            measured["methods"] = {n: records for n, records in measured["methods"].items() if n in same}
            suite.load_state_dict(measured)
            return {name: seconds for name, seconds in state["seconds"].items() if name in same}
        except Exception as error:  # a damaged file raises what the unpickler happens to meet
            log.warning("%s: left out, it cannot be read: %s: %s", self.path, type(error).__name__, error)
            return {}

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
        now = time.monotonic()
        self._next = now + max(self.every, (now - started) / SHARE_OF_TIME)

    def remove(self) -> None:
        """Forget it: the results are written."""
        self.path.unlink(missing_ok=True)
