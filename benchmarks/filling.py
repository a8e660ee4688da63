"""Filling a folder of pictures by the command, with one and two processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.lines import Line

PICTURES, SIDE = 48, 512


def filling_lines() -> list[Line]:
    """Pictures a second and memory of one process, and how much faster two are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        (one, one_mib), (two, two_mib) = (_timed(folder, workers) for workers in (1, 2))
    what = f"{PICTURES} pictures of {SIDE}², a hole of 5 %, network fast; start included"
    return [
        Line("folder filling, one process", one, None, what, "the network", True, "pictures/s"),
        Line("folder filling, two processes", two / one, 1.0, "one process", "the processor's cores", True),
        Line("memory of filling", one_mib, 1024.0, "one process at its largest", "PyTorch", unit="MiB"),
        Line("memory of filling, two processes", two_mib / one_mib, 3.0, "one process", "PyTorch in each"),
    ]


def _write(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    hole = np.zeros((SIDE, SIDE), np.uint8)
    hole[200:315, 200:315] = 255
    for index in range(PICTURES):
        small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / "images" / f"{index}.jpg")
        Image.fromarray(hole).save(folder / "masks" / f"{index}.png")


def _timed(folder: Path, workers: int) -> tuple[float, float]:
    """Pictures a second by the clock, and the most MiB that the command and its processes held together."""
    command = [sys.executable, "-m", "latent_inpaint", "predict", "--model", "fast", "--quiet"]
    command += ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    command += ["--output", str(folder / f"out{workers}"), "--workers", str(workers)]
    start, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, _mib(process.pid))
            time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"predict ended with status {process.returncode}")
    return PICTURES / (time.perf_counter() - start), peak


def _mib(group: int) -> float:
    """What the processes of a group hold, by Linux' /proc; 0 elsewhere."""
    pages = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) == group:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
