"""What a run measured: its last metrics, its curves over steps and seconds, its card."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from latent_inpaint.evaluation.files import ROWS_NAME, read_rows
from latent_inpaint.files import read_json
from latent_inpaint.models.storage import description_file
from reproduction.analysis import interpolated
from reproduction.configuration import STEPS, facts

CURVES = ("fd_lite0", "pd_lite0", "ssim", "psnr", "l1_hole")
CARD = ("data", "masks", "size", "metrics", "versions", "commit", "n_images", "parameters")
DIGITS = 6


@dataclass(frozen=True)
class Curves:
    """Validations in their order.

    Attributes:
        steps: trained by then.
        seconds: of computing on one core (the training process's processor time), without validations.
        clock: seconds by the clock, without validations.
        values: metric → values.
    """

    steps: list[float]
    seconds: list[float]
    clock: list[float]
    values: dict[str, list[float]]


@dataclass(frozen=True)
class Result:
    """A run, finished or as far as it is.

    Attributes:
        row: name of its row.
        seed: its seed.
        steps: trained, by the last measurement.
        metrics: on all held-out pictures, of the saved weights, or (of a run that was begun) by its last
            validation.
        intervals: their 95 % intervals; empty for a run that was begun.
        curves: while it trained.
        card: what the numbers depend on; empty for a run that was begun.
        config: what determined the weights, flat.
        shares: of the objective that terms with a share had, means over the second half of what was logged.
        others: method → metrics of what was evaluated beside it.
    """

    row: str
    seed: int
    steps: int
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Any]
    curves: Curves
    card: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    shares: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """Of computing, in all; see `Curves.seconds`."""
        return self.curves.seconds[-1]

    def at_step(self, metric: str, step: float) -> float | None:
        """A metric after so many steps, interpolated between validations; None where it is not known."""
        if step == self.steps and self.metrics.get(metric) is not None:
            return self.metrics[metric]
        series = self.curves.values.get(metric)
        return None if series is None else interpolated(self.curves.steps, series, step)

    @property
    def seconds_per_step(self) -> float:
        """Of computing."""
        return self.seconds / self.steps

    def as_json(self) -> dict[str, Any]:
        """JSON values; the curves' numbers with six digits."""
        value = asdict(self) | {"seconds_per_step": _short(self.seconds_per_step)}
        curves = value["curves"]
        for name in ("steps", "seconds", "clock"):
            curves[name] = [_short(x) for x in curves[name]]
        curves["values"] = {key: [_short(x) for x in series] for key, series in curves["values"].items()}
        return value


def read_result(folder: Path, row: str, seed: int, cache: Path) -> Result:
    """A finished run's result from its folder.

    Args:
        folder: of the run.
        row: name of its row, which is its method's name.
        seed: its seed.
        cache: where pretrained autoencoders are.

    Raises:
        ValueError: its files do not hold what a finished run's do.
    """
    rows = {entry["method"]: entry for entry in read_rows(folder / ROWS_NAME)}
    own = rows.pop(row)
    description = read_json(description_file(folder / "model"))
    config = facts(description["card"]["config"], cache)
    steps = int(config[STEPS])
    return Result(
        row=row,
        seed=seed,
        steps=steps,
        metrics=own["metrics"],
        intervals=own["intervals"],
        curves=with_end(read_curves(folder / "metrics.csv"), steps, own["metrics"]),
        card={key: own["card"][key] for key in CARD if key in own["card"]},
        config=config,
        others={name: entry["metrics"] for name, entry in rows.items()},
        shares=read_shares(folder / "metrics.csv"),
    )


def read_begun(folder: Path, row: str, seed: int, cache: Path) -> Result:
    """What a run that goes on measured so far, from its folder: as `read_result`.

    Raises:
        OSError: a file is missing.
        ValueError: no validation yet.
    """
    curves = read_curves(folder / "metrics.csv")
    config = OmegaConf.load(folder / "config.yaml")
    assert isinstance(config, DictConfig)
    last = {key: _finite(series[-1]) for key, series in curves.values.items()}
    return Result(row, seed, int(curves.steps[-1]), last, {}, curves, config=facts(config, cache))


def read_curves(path: Path) -> Curves:
    """The curves of a `metrics.csv`; times between two that were logged are interpolated.

    Raises:
        ValueError: there are no times or no validations in it.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = {key: _series(rows, f"speed/{key}") for key in ("cpu_seconds", "train_seconds")}
    measured = {key: _series(rows, f"val/{key}") for key in CURVES}
    measured = {key: series for key, series in measured.items() if series}
    if not all(times.values()):
        raise ValueError(f"{path}: no speed/cpu_seconds; its times were not measured")
    steps = sorted(set.intersection(*map(set, measured.values()))) if measured else []
    if not steps:
        raise ValueError(f"{path}: no validations")
    seconds, clock = (
        [_at_step(times[key], step) for step in steps] for key in ("cpu_seconds", "train_seconds")
    )
    values = {key: [series[step] for step in steps] for key, series in measured.items()}
    return Curves([float(step) for step in steps], seconds, clock, values)


def read_shares(path: Path) -> tuple[float, ...]:
    """Of each `train/TERM_share` of a `metrics.csv` the mean over the second half of its values."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for key in rows[0] if rows else ():
        if key.startswith("train/") and key.endswith("_share"):
            values = [float(row[key]) for row in rows if row.get(key)]
            found.append(sum(values[len(values) // 2 :]) / max(1, len(values[len(values) // 2 :])))
    return tuple(found)


def with_end(curves: Curves, steps: int, metrics: Mapping[str, float | None]) -> Curves:
    """Curves that reach the last step: where it was no validation, the final metrics stand there."""
    if curves.steps[-1] >= steps:
        return curves
    seconds, clock = (series[-1] * steps / curves.steps[-1] for series in (curves.seconds, curves.clock))
    ends = {key: metrics.get(key) for key in curves.values}
    values = {key: [*series, _number(ends[key])] for key, series in curves.values.items()}
    return Curves([*curves.steps, float(steps)], [*curves.seconds, seconds], [*curves.clock, clock], values)


def _series(rows: Sequence[Mapping[str, str]], key: str) -> dict[int, float]:
    """Steps trained → value. (Lightning numbers a step by those before it.)"""
    return {int(row["step"]) + 1: float(row[key]) for row in rows if row.get(key) and row.get("step")}


def _at_step(times: Mapping[int, float], step: int) -> float:
    steps = [0, *sorted(times)]
    seconds = [0.0, *(times[s] for s in steps[1:])]
    if step > steps[-1]:
        return seconds[-1] * step / steps[-1]
    value = interpolated(steps, seconds, step)
    assert value is not None
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
