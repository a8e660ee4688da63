"""Work that waits its turn: a bounded queue, threads that run it, progress, cancelling, and a time limit."""

from __future__ import annotations

import contextlib
import logging
import queue
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from latent_inpaint.service.limits import Limits, Refused
from latent_inpaint.service.metrics import Metrics

_log = logging.getLogger(__name__)
_here = threading.local()
ENDED = ("done", "failed", "cancelled")


class Stopped(Exception):
    """Ends the work of a job that was cancelled, or that took too long."""


class Job:
    """Something to compute. Its attributes are set by the thread that runs it and read by others.

    Args:
        work: returns the result.
        size: bytes that it holds until it has run.
    """

    def __init__(self, work: Callable[[], Any], size: int = 0) -> None:
        self.id = secrets.token_urlsafe(16)
        self.state = "queued"
        self.stage, self.done, self.total = "waiting", 0, 0
        self.warnings: list[str] = []
        self.result: Any = None
        self.error: Refused | None = None
        self.seconds = 0.0
        self.ended = 0.0
        self.size = size
        self.is_cancelled = False
        self.work: Callable[[], Any] | None = work
        self.deadline = float("inf")

    def cancel(self) -> None:
        """Ask it to stop; it does before the next layer of its network."""
        self.is_cancelled = True

    def report(self, stage: str, done: int, total: int) -> None:
        """Note progress, and stop where that was asked for."""
        self.stage, self.done, self.total = stage, done, total
        self.check()

    def check(self) -> None:
        """Raise `Stopped` if the job is to stop."""
        if self.is_cancelled or time.monotonic() > self.deadline:
            raise Stopped

    def status(self) -> dict[str, Any]:
        """What clients are told."""
        told: dict[str, Any] = {"id": self.id, "state": self.state, "stage": self.stage}
        told |= {"done": self.done, "total": self.total, "warnings": list(self.warnings)}
        told |= {"seconds": round(self.seconds, 3)}
        if self.error is not None:
            told |= {"error": self.error.message, "status": self.error.status}
        return told


def check_current() -> None:
    """Raise `Stopped` in the thread of a job that is to stop."""
    job = getattr(_here, "job", None)
    if job is not None:
        job.check()


class Jobs:
    """The queue and its threads.

    Args:
        limits: how many wait, run, and how long.
        metrics: where they are counted.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._all: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(limits.workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Any], size: int = 0) -> Job:
        """Let a job wait for its turn.

        Raises:
            Refused: too many wait, or the service ends.
        """
        self._forget()
        with self._lock:
            if self._is_closed:
                raise Refused(503, "the service ends", retry_after=5)
            if self.count("queued") >= self.limits.queue:
                raise Refused(429, f"{self.limits.queue} jobs wait already; try again", self._patience())
            if sum(job.size for job in self._all.values()) + size > self.limits.held_mib * 2**20:
                raise Refused(503, "too much is held for others; try again", self._patience())
            job = Job(work, size)
            self._all[job.id] = job
        self._waiting.put(job)
        return job

    def get(self, name: str) -> Job:
        """A job by its id; `Refused` if it is not known, or no longer."""
        self._forget()
        job = self._all.get(name)
        if job is None:
            raise Refused(404, "no such job; results are kept for a while only")
        return job

    def drop(self, job: Job) -> None:
        """Stop a job, and forget it and its result."""
        job.cancel()
        with self._lock:
            self._all.pop(job.id, None)
            if job.state == "queued":
                job.state, job.work = "cancelled", None

    def count(self, state: str) -> int:
        """Jobs in a state."""
        return sum(job.state == state for job in list(self._all.values()))

    def held_bytes(self) -> int:
        """Bytes of uploads and results."""
        return sum(job.size for job in list(self._all.values()))

    def close(self) -> None:
        """Take no more; those that wait are cancelled, those that run may end."""
        self._is_closed = True
        for job in list(self._all.values()):
            if job.state == "queued":
                self.drop(job)
        for _ in self._threads:
            self._waiting.put(None)

    def _patience(self) -> int:
        times = [job.seconds for job in self._all.values() if job.state == "done"]
        each = sum(times) / len(times) if times else 1.0
        return max(1, round(each * self.limits.queue / self.limits.workers / 2))

    def _forget(self) -> None:
        now = time.monotonic()
        with self._lock:
            for name, job in list(self._all.items()):
                if job.ended and now - job.ended > self.limits.kept_seconds:
                    del self._all[name]

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            with self._lock:
                work, is_wanted = job.work, job.state == "queued"
                if is_wanted:
                    job.state = "running"
            if is_wanted and work is not None:
                self._run_one(job, work)
            del job, work  # and what they hold, while waiting for the next

    def _run_one(self, job: Job, work: Callable[[], Any]) -> None:
        start = time.monotonic()
        job.deadline = start + self.limits.seconds
        state = "failed"
        _here.job = job
        try:
            job.result = work()
            state = "done"
        except Stopped:
            if job.is_cancelled:
                state = "cancelled"
            else:
                job.error = Refused(504, f"it took longer than {self.limits.seconds:g} s")
        except Refused as refusal:
            job.error = refusal
        except MemoryError as error:
            job.error = Refused(507, f"there is not enough memory: {error}")
        except (ValueError, TypeError) as error:
            job.error = Refused(400, " ".join(str(error).split()))
        except Exception:  # a fault of ours: the log says which
            _log.exception("job %s", job.id)
            job.error = Refused(500, "the service failed; its log says why")
        finally:
            _here.job = None
            job.work = None
            job.seconds, job.ended = time.monotonic() - start, time.monotonic()
            job.size = job.result.size if job.result is not None else 0
            self.metrics.count_job(state, job.seconds)
            job.state = state


@contextlib.contextmanager
def warnings_to_jobs() -> Iterator[None]:
    """Let what warns in a job's thread become a line of that job, for as long as this lasts."""

    def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        job = getattr(_here, "job", None)
        text = " ".join(str(message).split())
        if job is not None and issubclass(category, UserWarning) and text not in job.warnings:
            job.warnings.append(text)

    before, filters = warnings.showwarning, warnings.filters[:]
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = note
    try:
        yield
    finally:
        warnings.showwarning = before
        warnings.filters[:] = filters  # type: ignore[index]
