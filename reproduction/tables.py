"""The tables of the report."""

from __future__ import annotations

from collections.abc import Sequence

from latent_inpaint.evaluation.tables import COLUMNS, Column
from reproduction.analysis import change, percent
from reproduction.document import Table
from reproduction.findings import Results
from reproduction.rows import Row
from reproduction.targets import targets

ORDER = ("fd_lite0", "pd_lite0", "ssim", "psnr", "l1_hole", "fid", "lpips", "diversity")
CHANGED = ("fd_lite0", "pd_lite0", "ssim", "l1_hole")
NOTHING = "–"
PUBLISHED = ("fid", "fid_change", "lpips", "ssim", "time")


def measured_columns(results: Results) -> list[Column]:
    """The metrics that at least one run has, in the report's order."""
    by_key = {column.key: column for column in COLUMNS}
    return [by_key[key] for key in ORDER if any(r.metrics.get(key) is not None for r in results.measured)]


def label(row: Row) -> str:
    """A row's name, marked where it trained on the network that the distances measure with."""
    return f"{row.name} †" if row.lite0 else row.name


def targets_table(results: Results) -> Table:
    """What is to be reached, and what was."""
    rows = [[t.number, t.title, t.measured, t.verdict] for t in targets(results)]
    return Table(["", "target", "measured", "verdict"], rows, words=4)


def rows_table(rows: Sequence[Row]) -> Table:
    """What each row is."""
    cells = [[label(row), row.title, str(row.published.get("source", "nothing published"))] for row in rows]
    return Table(["row", "trained on", "stands beside"], cells, words=3)


def published_table(results: Results, rows: Sequence[Row]) -> Table:
    """Rows beside the published numbers."""
    header = ["row, steps", "changes against", "FD-lite0 ↓", "change", "FID ↓", "change", "LPIPS ↓"]
    header += ["SSIM ↑", "SSIM ↑", "step", "time"]
    titles = [f"{'their ' if i in THEIRS else ''}{text}" for i, text in enumerate(header)]
    return Table(titles, [_beside(results, row) for row in rows], words=2)


THEIRS = (4, 5, 6, 8, 10)
"""Columns of the published numbers."""


def _beside(results: Results, row: Row) -> list[str]:
    ours = results.compared(row.name, row.against, "fd_lite0")
    step = results.step_change(row.name, row.against)
    theirs = {key: str(row.published.get(key, NOTHING)) for key in PUBLISHED}
    last = results.last_step(row.name)
    basis = f", {results.basis(row.name, row.against)}" if ours else ""
    return [
        label(row) if last is None else f"{label(row)}, {last}",
        f"{row.against}{basis}" if row.against else NOTHING,
        _last(results, row, "fd_lite0", 2),
        NOTHING if ours is None else percent(change(ours[0].value, ours[1].value)),
        theirs["fid"],
        theirs["fid_change"],
        theirs["lpips"],
        _last(results, row, "ssim", 4),
        theirs["ssim"],
        NOTHING if step is None else percent(step),
        theirs["time"],
    ]


def changes_table(results: Results, rows: Sequence[Row]) -> Table:
    """How each row changes the metrics of the one it is against, after the most steps that both trained."""
    columns = [column for column in measured_columns(results) if column.key in CHANGED]
    header = ["row", "what it changes", "changes against", *(column.heading for column in columns), "step"]
    return Table(header, [_changes(results, row, columns) for row in rows], words=3)


def _changes(results: Results, row: Row, columns: Sequence[Column]) -> list[str]:
    pairs = [results.compared(row.name, row.against, column.key) for column in columns]
    changes = [NOTHING if pair is None else percent(change(pair[0].value, pair[1].value)) for pair in pairs]
    step = results.step_change(row.name, row.against)
    basis = f", {results.basis(row.name, row.against)}" if any(pairs) else ""
    state = "" if results.of(row.name) else f": {results.state(row)}"
    return [
        f"{label(row)}{state}",
        row.title,
        f"{row.against}{basis}",
        *changes,
        NOTHING if step is None else percent(step),
    ]


def _last(results: Results, row: Row, metric: str, digits: int) -> str:
    last = results.last_step(row.name)
    found = None if last is None else results.at_step(row.name, metric, last)
    return results.state(row) if found is None else found.text(digits)


def equal_steps_table(results: Results, steps: int) -> Table:
    """Metrics of the rows that trained so many steps, and of the methods that were evaluated beside them."""
    columns = measured_columns(results)
    header = ["row", "seeds", *(c.heading for c in columns), "s / step", "against baseline"]
    reached = [
        row
        for row in results.rows
        if row.name in results.reached(steps) and (row.length == 1 or steps > results.steps)
    ]
    rows = [_at_step(results, row, columns, steps) for row in reached]
    others = {name: m for result in reversed(results.measured) for name, m in result.others.items()}
    rows += [
        [f"({name})", "", *(column.text(metrics.get(column.key)) for column in columns), NOTHING, NOTHING]
        for name, metrics in others.items()
        if name not in {row.name for row in results.rows}
    ]
    return Table(header, rows, words=2)


def _at_step(results: Results, row: Row, columns: Sequence[Column], steps: int) -> list[str]:
    found = [(results.at_step(row.name, column.key, steps), column.digits) for column in columns]
    values = [NOTHING if one is None else one.text(digits) for one, digits in found]
    seeds = [str(result.seed) for result in results.of(row.name) if result.steps >= steps]
    return [label(row), ", ".join(seeds), *values, *_cost(results, row)]


def _cost(results: Results, row: Row) -> list[str]:
    seconds, share = results.per_step(row.name), results.step_change(row.name, "baseline")
    return [
        NOTHING if seconds is None else seconds.text(3),
        NOTHING if share is None else percent(share) if row.name != "baseline" else "1",
    ]


def equal_seconds_table(results: Results, seconds: float) -> Table:
    """Metrics of the curves after so many seconds of computing."""
    columns = [
        c for c in measured_columns(results) if any(c.key in r.curves.values for r in results.measured)
    ]
    rows = []
    for row in results.rows:
        steps = results.steps_at(row.name, seconds)
        found = [(results.at_seconds(row.name, column.key, seconds), column.digits) for column in columns]
        cells = [NOTHING if one is None else one.text(digits) for one, digits in found]
        if steps and any(one for one, _ in found):
            rows.append([label(row), f"{steps.value:.0f}", *cells])
    return Table(["row", "steps by then", *(column.heading for column in columns)], rows, words=2)


def runs_table(results: Results) -> Table:
    """Every run, finished or not."""
    rows = []
    for row in results.rows:
        for seed in row.seeds:
            result = results.by_row[row.name].get(seed)
            if result is None:
                rows.append(
                    [row.name, str(seed), results.states.get(f"{row.name}/seed{seed}", "not run yet")]
                )
                rows[-1] += [NOTHING] * 5
                continue
            interval = result.intervals.get("fd_lite0")
            rows.append(
                [
                    row.name,
                    str(seed),
                    results.states.get(f"{row.name}/seed{seed}", "finished").split(",")[0],
                    str(result.steps),
                    f"{result.seconds:.0f}",
                    f"{result.curves.clock[-1]:.0f}",
                    _with_interval(result.metrics.get("fd_lite0"), interval),
                    str(result.card.get("commit") or NOTHING)[:7],
                ]
            )
    header = ["row", "seed", "state", "steps", "s of computing", "s by the clock", "FD-lite0, 95 %", "commit"]
    return Table(header, rows, words=3)


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.2f}" + (f" ({interval[0]:.1f} – {interval[1]:.1f})" if interval else "")
