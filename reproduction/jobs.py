"""Processes, so many at a time: locked against each other, stopped by a signal, their ends told apart."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAID_EVERY = 900.0
"""Seconds between two lines on how far the running jobs are."""
WAITING = "it waits for an autoencoder, or for a trained model, that no other run makes"


@dataclass(frozen=True)
class Job:
    """A command to run.

    Attributes:
        name: for messages.
        folder: where it works; its lock and its log lie beside, `<folder>.lock` and `<folder>.log`.
        command: called when it could start; None: not yet.
        progress: a few words on how far it is.
    """

    name: str
    folder: Path
    command: Callable[[], Sequence[str] | None]
    progress: Callable[[], str] = str

    @property
    def log(self) -> Path:
        """What it wrote, all attempts one after the other."""
        return self.folder.with_name(f"{self.folder.name}.log")


@dataclass
class Ends:
    """How jobs ended: their names, and for the failed ones and those that could not start a reason."""

    done: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    signal: int | None = None

    @property
    def status(self) -> int:
        """The exit status of a command with these jobs."""
        return 128 + self.signal if self.signal else int(bool(self.failed))


class StopSignals:
    """Counts SIGINT, SIGTERM and SIGHUP while it is entered, and remembers the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.first = self.first or number

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Handle the signals until the block ends."""
        before = {number: signal.signal(number, self._received) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    log_start: int  # bytes of the log that are of earlier attempts
    started: float = field(default_factory=time.monotonic)
    told: int = 0  # signals passed on


def run_jobs(
    jobs: Sequence[Job], at_once: int, on_done: Callable[[Job], None] = lambda job: None, poll: float = 0.5
) -> Ends:
    """Run the jobs in their order, skipping over those that cannot start yet.

    A signal is passed on as SIGTERM, and the jobs' ends are awaited; a second one kills them.

    Args:
        jobs: what to run.
        at_once: the most processes at a time.
        on_done: called after each job that ended well.
        poll: seconds between two looks at the processes.
    """
    if at_once < 1:
        raise ValueError(f"jobs: expected at least 1, got {at_once}")
    ends, pending = Ends(), list(jobs)
    running: list[_Running] = []
    said = time.monotonic()
    with StopSignals().listening() as stop:
        while True:
            if not stop.count:
                running += _start(pending, at_once - len(running), ends)
            if not running:
                break
            _pass_on(running, stop)
            time.sleep(poll)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                _note_end(one, ends, bool(stop.count))
                if one.job.name in ends.done:
                    on_done(one.job)
            if time.monotonic() - said > SAID_EVERY:
                said = time.monotonic()
                log.info("; ".join(f"{one.job.name}: {one.job.progress()}" for one in running))
        ends.signal = stop.first
    ends.stopped += [job.name for job in pending if stop.first]
    if not stop.first:
        ends.failed |= {
            job.name: "it waits for an autoencoder or a trained model that no other run makes"
            for job in pending
        }
    return ends


def _start(pending: list[Job], room: int, ends: Ends) -> list[_Running]:
    started: list[_Running] = []
    for job in list(pending):
        if len(started) == room:
            break
        command = job.command()
        if command is None:
            continue
        pending.remove(job)
        log_start = job.log.stat().st_size if job.log.is_file() else 0
        process = _process(job, command)
        if process is None:
            ends.failed[job.name] = "another process is at it"
            log.warning("%s: another process is at it; left alone", job.name)
        else:
            log.info("%s: started (%s)", job.name, job.log)
            started.append(_Running(job, process, log_start))
    return started


def _process(job: Job, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """The job's process, which alone holds the lock, as long as it lives; None if another one has it."""
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    with job.folder.with_name(f"{job.folder.name}.lock").open("w") as lock, job.log.open("ab") as output:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches this process alone, which then says SIGTERM
            pass_fds=[lock.fileno()],
        )


def _pass_on(running: Sequence[_Running], stop: StopSignals) -> None:
    for one in running:
        if stop.count >= 1 and one.told == 0:
            log.info("%s: stopping (%s)", one.job.name, one.job.progress())
            one.process.terminate()
            one.told = 1
        if stop.count >= 2 and one.told == 1:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGKILL)
            one.told = 2


def _note_end(one: _Running, ends: Ends, stopping: bool) -> None:
    name, status = one.job.name, one.process.returncode
    if status == 0:
        log.info("%s: done in %.0f minutes", name, (time.monotonic() - one.started) / 60)
        ends.done.append(name)
    elif stopping:
        ends.stopped.append(name)
    else:
        ends.failed[name] = f"status {status}: {_last_line(one.job.log, one.log_start)} ({one.job.log})"
        log.error("%s: failed, %s", name, ends.failed[name])


def _last_line(path: Path, start: int) -> str:
    text = path.read_bytes()[start:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line[line.index("Error:") :] for line in lines if "Error:" in line]
    return (errors or lines or ["no output"])[-1][:300]
