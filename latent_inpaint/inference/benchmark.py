"""Seconds and peak memory of whole-picture and region-of-interest inference, each in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from latent_inpaint.inference.pipeline import load

SIDES = (512, 2048, 4096)
HOLE_FRACTION = 0.05
LEAST_SIDE = 96
"""Pixels: the part of the picture that warms the network up reaches from a third of the side 64 pixels on."""
MODES = ("region of interest", "whole picture")


@dataclass(frozen=True)
class Measurement:
    """One run: side in pixels, mode, seconds of wall clock and of all cores, peak resident memory in MiB."""

    side: int
    mode: str
    seconds: float
    core_seconds: float
    peak_mib: float


def measure(
    source: str | None, device: str, precision: str, sides: Sequence[int] = SIDES
) -> Iterator[Measurement]:
    """Measure a network on square pictures with one square hole of 5 %.

    Args:
        source: what `load` takes.
        device: as in `load`.
        precision: as in `load`.
        sides: sides of the pictures in pixels.

    Raises:
        ValueError: a side of less than `LEAST_SIDE`.
        ChildProcessError: a run failed.
    """
    if min(sides) < LEAST_SIDE:
        raise ValueError(f"sides must be at least {LEAST_SIDE} pixels, got {min(sides)}")
    for side in sides:
        for mode in MODES:
            yield measure_one(source, device, precision, side, mode)


def measure_one(source: str | None, device: str, precision: str, side: int, mode: str) -> Measurement:
    """One run of `measure`, in a process of its own; `mode` is one of `MODES`."""
    command = [sys.executable, "-m", __name__, json.dumps([source, device, precision, side, mode])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ChildProcessError(f"{mode} at {side}²: {done.stderr.strip().splitlines()[-1]}")
    return Measurement(**json.loads(done.stdout))


def _run(source: str | None, device: str, precision: str, side: int, mode: str) -> Measurement:
    model = load(source, device, precision)
    rows = np.linspace(0, 255, side).astype(np.uint8)
    image = np.stack(np.broadcast_arrays(rows[:, None], rows[None], np.uint8(128)), axis=-1)
    hole = np.zeros((side, side), dtype=bool)
    start, length = side // 3, round(side * HOLE_FRACTION**0.5)
    hole[start : start + length, start : start + length] = True
    model.inpaint(image[:64, :64], hole[start : start + 64, start : start + 64])  # warm up
    seconds, core_seconds = time.perf_counter(), time.process_time()
    model.inpaint(image, hole, region_of_interest=mode == MODES[0])
    seconds, core_seconds = time.perf_counter() - seconds, time.process_time() - core_seconds
    return Measurement(side, mode, seconds, core_seconds, peak_mib())


def peak_mib() -> float:
    """The largest resident memory of this process; on Linux `ru_maxrss` would begin with the parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 2**10
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    print(json.dumps(asdict(_run(*json.loads(sys.argv[1])))))
