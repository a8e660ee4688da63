"""Medians of jobs that run in turn: what else the machine does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Job = Callable[[], Any]


def rounds(jobs: Mapping[str, Job], repeats: int = 5) -> dict[str, list[float]]:
    """CPU seconds (of all threads) of each job, run in turn A, B, A, B …, after one unmeasured round.

    Raises:
        ValueError: repeats below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(repeats):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            seconds[name].append(time.process_time() - start)
    return seconds


def medians(jobs: Mapping[str, Job], repeats: int = 5) -> dict[str, float]:
    """Median CPU seconds of each job; see `rounds`."""
    return {name: statistics.median(values) for name, values in rounds(jobs, repeats).items()}


def ratios(jobs: Mapping[str, Job], to: str, repeats: int = 5) -> dict[str, float]:
    """Each job's time over that of the job `to`, the median of the rounds' ratios; see `rounds`."""
    seconds = rounds(jobs, repeats)
    return {
        name: statistics.median(one / base for one, base in zip(values, seconds[to]))
        for name, values in seconds.items()
    }


def rate(job: Callable[[], int], seconds: float = 2.0) -> float:
    """Items per CPU second of `job`, which returns their number and runs until `seconds` are over."""
    job()
    count, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        count += job()
    return count / (time.process_time() - start)
