"""All benchmarks, their report on the console and as JSON."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import data, filling, floors, samplers, steps
from benchmarks.lines import Line, console_table, markdown_lines
from latent_inpaint.files import write_json, write_text
from latent_inpaint.inference.benchmark import MODES, measure_one
from latent_inpaint.models import save_model

ROI_SIDE = 4096
LOG_WIDTH = 160
"""Characters in a line of a table that goes to a file instead of a terminal."""


def run(output: Path, repeats: int, only: Sequence[str] = ()) -> list[Line]:
    """Run the benchmarks, print each group as it is done, and write `output` (JSON) and a table beside it.

    Args:
        output: JSON file to write; the Markdown table gets its name with `.md`.
        repeats: rounds of each comparison.
        only: names of groups; none for all.

    Raises:
        ValueError: an unknown group.
    """
    from rich.console import Console

    groups = _groups(repeats)
    unknown = set(only) - groups.keys() - {"floors"}
    if unknown:
        raise ValueError(f"only: expected some of {', '.join([*groups, 'floors'])}, got {sorted(unknown)}")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    start = time.perf_counter()
    lines: list[Line] = []
    for name, measure in groups.items():
        if not only or name in only:
            found = measure()
            console.print(console_table(found, name))
            lines += found
    report: dict[str, Any] = {"machine": machine(), "lines": [line.as_dict() for line in lines]}
    if not only or "floors" in only:
        rates = floors.rates(repeats)
        parts = floors.parts(rates, repeats)
        console.print(floors.floor_table(rates, parts))
        report["rates_per_core"] = {"flops": rates.flops, "bytes": rates.bytes}
        report["parts"] = [part.as_dict() for part in parts]
    report["seconds"] = time.perf_counter() - start
    write_json(output, report)
    write_text(output.with_suffix(".md"), markdown_lines(lines))
    load = report["machine"]["load"]
    console.print(f"{output} after {report['seconds']:.0f} s; load averages at the end {load}")
    return lines


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def _groups(repeats: int) -> dict[str, Callable[[], list[Line]]]:
    return {
        "rows": lambda: [*steps.row_lines(repeats), steps.one_pass_line(repeats)],
        "average": lambda: [steps.averaging_line(repeats)],
        "formulation": lambda: [steps.formulation_line(repeats)],
        "bf16": lambda: [steps.bf16_line(repeats)],
        "compile": lambda: steps.compile_lines(repeats),
        "data": lambda: _data_lines(repeats),
        "samplers": lambda: [*samplers.step_lines(repeats), *samplers.sample_lines()],
        "inference": lambda: [_region_line()],
        "filling": filling.filling_lines,
    }


def _data_lines(repeats: int) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        data.write_pictures(Path(folder))
        lines = data.sample_lines(Path(folder), seconds=repeats)
        lines += data.augmentation_lines(Path(folder), repeats)
        return [*lines, data.draft_line(repeats), data.waiting_line(Path(folder), n_steps=2 * repeats)]


def _region_line() -> Line:
    with tempfile.TemporaryDirectory() as folder:
        save_model(steps.network(steps.ROWS["latent_control"], 8).eval(), folder)
        measured = {mode: measure_one(folder, "cpu", "float32", ROI_SIDE, mode) for mode in MODES}
    region, whole = (measured[mode].core_seconds for mode in MODES)
    return Line(
        f"filling a hole of 5 % at {ROI_SIDE}², its surroundings only",
        region / whole,
        0.15,
        "the whole picture through the network",
        "the hole's own area and 128 pixels of context",
    )
