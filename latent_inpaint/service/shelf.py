"""The networks of the service: known by name from its start, loaded when first asked for."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from latent_inpaint.inference.catalogue import catalogue
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.service.limits import Refused

_log = logging.getLogger(__name__)
GOOD_AT = {
    "FFCRefiner": "textures and structures around holes up to a few hundred pixels; quick",
    "FlowRefiner": "several fills for one hole; slower",
    "DiffusionRefiner": "several fills for one hole; slower",
    "LamaGenerator": "large holes and repeating structures",
}


class Shelf:
    """Networks by name; at most `keep` are in memory, the one used longest ago goes first.

    Args:
        sources: what `load` takes, by the name that clients use; the first is the one they get unnamed.
        load: makes a pipeline of a source.
        keep: networks in memory.
        interrupt: called before every layer of a network; raising ends the work.
    """

    def __init__(
        self,
        sources: Mapping[str, Any],
        load: Callable[[Any], Pipeline],
        keep: int = 1,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        self.sources = dict(sources)
        known = catalogue()
        self._about = {name: known[source].about for name, source in self.sources.items() if source in known}
        self.current = next(iter(self.sources))
        self.keep = keep
        self._load, self._interrupt = load, interrupt
        self._loaded: dict[str, Pipeline] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()

    def get(self, name: str | None = None) -> Pipeline:
        """A pipeline, loaded if it was not.

        Raises:
            Refused: there is no such network, or it cannot be loaded.
        """
        name = self.checked(name)
        with self._lock:
            if name not in self._loaded:
                while len(self._loaded) >= self.keep:
                    self.unload(next(iter(self._loaded)))
                try:
                    pipeline = self._load(self.sources[name])
                except (ValueError, OSError, ImportError, MemoryError) as error:
                    _log.warning("%s: %s", name, error)
                    raise Refused(
                        503, f"{name}: the network cannot be loaded: {type(error).__name__}"
                    ) from error
                self._hook(pipeline)
                self._notes[name] = _notes(pipeline)
            else:
                pipeline = self._loaded.pop(name)  # to the end: used last
            self._loaded[name] = pipeline
            return pipeline

    def checked(self, name: str | None) -> str:
        """The name of a network: of the current one for None; `Refused` if there is none."""
        if name is None:
            return self.current
        if name not in self.sources:
            raise Refused(404, f"model: no such network; there are {', '.join(self.sources)}")
        return name

    def unload(self, name: str) -> bool:
        """Let a network go; returns whether it was loaded."""
        with self._lock:
            was_loaded = self._loaded.pop(self.checked(name), None) is not None
        gc.collect()
        return was_loaded

    def list(self) -> list[dict[str, Any]]:
        """Name, whether it is loaded and current, what it is good at where it has a name of its own; once it
        was loaded, also its kind, whether it draws several fills, and where it computes."""
        return [
            {"name": name, "current": name == self.current, "loaded": name in self._loaded}
            | self._notes.get(name, {})
            | ({"good_at": self._about[name]} if name in self._about else {})
            for name in self.sources
        ]

    def _hook(self, pipeline: Pipeline) -> None:
        if isinstance(pipeline.model, nn.Module):
            for module in pipeline.model.modules():
                module.register_forward_pre_hook(lambda *_: self._interrupt())


def _notes(pipeline: Pipeline) -> dict[str, Any]:
    kind = type(getattr(pipeline.model, "refiner", pipeline.model)).__name__
    good_at = str(pipeline.card.get("good_at") or GOOD_AT.get(kind, ""))
    return {"kind": kind, "several": pipeline.multiple, "good_at": good_at, "computes": pipeline.place}
