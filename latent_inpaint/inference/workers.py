"""Processes that have a pipeline each, for folders of pictures."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import torch

from latent_inpaint.inference.pipeline import Pipeline

Item = TypeVar("Item")
Result = TypeVar("Result")
_pipeline: Pipeline | None = None


class WorkerPool:
    """Processes that load a pipeline and call functions with it; results come in order.

    Args:
        count: of processes; they share the processor's cores.
        load: makes the pipeline, in each of them; it can be pickled.
    """

    def __init__(self, count: int, load: Callable[[], Pipeline]) -> None:
        if count < 1:
            raise ValueError(f"workers must be at least 1, got {count}")
        threads = max(1, torch.get_num_threads() // count)
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(count, _start, (load, threads))

    def map(self, function: Callable[[Item, Pipeline], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`function(item, pipeline)` of all items."""
        return self._pool.imap(partial(_call, function), items)

    def close(self) -> None:
        """End the processes."""
        self._pool.terminate()
        self._pool.join()


def _start(load: Callable[[], Pipeline], threads: int) -> None:
    global _pipeline
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    torch.set_num_threads(threads)
    _pipeline = load()


def _call(function: Callable[[Any, Pipeline], Any], item: Any) -> Any:
    assert _pipeline is not None
    return function(item, _pipeline)
