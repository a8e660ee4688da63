"""`bin/reproduce.py`: plan the runs, train what is missing, write the report."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from latent_inpaint.models.storage import WEIGHTS_NAME
from reproduction.arguments import parser
from reproduction.costs import step_costs
from reproduction.jobs import Job, run_jobs
from reproduction.planning import Plan, Planned, State, autoencoder_for
from reproduction.report import collect, write_report
from reproduction.rows import find_rows
from reproduction.settings import Settings

log = logging.getLogger(__name__)


def main(root: Path, arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        root: of the repository: where `bin/train.py` and `conf` are.
        arguments: of the command line; those of this process by default.

    Raises:
        FileNotFoundError: there is no such folder of pictures.
        ValueError: an argument that makes no sense; the message says which.
    """
    options, extra = parser().parse_known_args(arguments)
    unknown = [word for word in extra if word.startswith("-") or "=" not in word]
    if unknown:
        raise ValueError(f"unknown arguments: {' '.join(unknown)} (overrides look like key=value)")
    settings = Settings(
        options.data.resolve(),
        options.outputs.resolve(),
        options.steps,
        options.autoencoder_steps,
        tuple(extra),
    )
    name, rows, wanted = find_rows(root / "conf", [name for name in options.rows.split(",") if name])
    folder = options.report or Path("reports") / name
    plan = Plan(rows, settings, root / "conf")
    asked = [one for one in plan.look() if one.run.row in wanted]
    _say(asked)
    if options.dry_run:
        return 0

    def report(job: Job | None = None) -> None:
        now = plan.look()
        results = collect(rows, now, settings, states(now, settings))
        measured = [row for row in rows if results.of(row.name)]
        costs = step_costs(measured, settings, root / "conf")
        page = write_report(results, settings, folder, not options.no_pictures, costs)
        log.info("report: %s", page)

    status = 0 if options.report_only else _train(asked, settings, root, options.jobs, report)
    report()
    return status


def _say(planned: Sequence[Planned]) -> None:
    for one in planned:
        log.info("%-32s %s%s", one.run.name, one.state.value, f": {one.reason}" if one.reason else "")
    counts = Counter(one.state.value for one in planned)
    log.info(", ".join(f"{count} {state}" for state, count in counts.items()))


def states(planned: Sequence[Planned], settings: Settings) -> dict[str, str]:
    """Run's name → where it stands, for those that are not finished and not new."""
    begun = {one.run.name: one for one in planned if one.state in (State.STARTED, State.REFUSED)}
    return {
        name: f"begun, {progress(settings.folder(one.run), settings.steps * one.run.row.length)}"
        if one.state is State.STARTED
        else "cannot run: " + one.reason
        for name, one in begun.items()
    }


def _train(
    planned: Sequence[Planned], settings: Settings, root: Path, at_once: int, on_done: Callable[[Job], None]
) -> int:
    train = [sys.executable, str(root / "bin" / "train.py")]
    todo = [one for one in planned if one.state in (State.NEW, State.STARTED)]
    ends = run_jobs([job(one, settings, train) for one in todo], at_once, on_done)
    ends.failed |= {one.run.name: one.reason for one in planned if one.state is State.REFUSED}
    for name, reason in ends.failed.items():
        log.error("%s: not finished: %s", name, reason)
    if ends.signal:
        log.warning("stopped; the same command goes on with %s", ", ".join(ends.stopped) or "nothing")
    return ends.status


def job(planned: Planned, settings: Settings, train: Sequence[str]) -> Job:
    """The process that trains a run.

    Args:
        planned: the run.
        settings: of all runs.
        train: the training command without overrides.
    """
    folder, steps = settings.folder(planned.run), settings.steps * planned.run.row.length

    def command() -> list[str] | None:
        if planned.run.row.after and not (settings.before(planned.run) / WEIGHTS_NAME).is_file():
            return None
        ready, autoencoder = autoencoder_for(planned, settings.autoencoders)
        return [*train, *settings.overrides(planned.run, autoencoder)] if ready else None

    return Job(planned.run.name, folder, command, partial(progress, folder, steps))


def progress(folder: Path, steps: int) -> str:
    """How far a run is, by the last line of its `metrics.csv`."""
    path = folder / "metrics.csv"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if len(lines) < 2:
        return "before its first steps"
    names, last = lines[0].split(","), lines[-1].split(",")
    step = last[names.index("step")] if "step" in names and len(last) == len(names) else ""
    return f"step {int(step) + 1} of {steps}" if step.isdigit() else "training"
