"""Curves of the rows: a metric against steps and against seconds of computing."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latent_inpaint.evaluation.tables import Column
from reproduction.analysis import mean
from reproduction.findings import Results
from reproduction.results import Result
from reproduction.rows import Row

COLOURS = [
    *matplotlib.color_sequences["tab20"][::2],
    *matplotlib.color_sequences["tab20"][1::2],
]  # deep, pale
SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "reproduction", "font.size": 9}
SETTINGS |= {"axes.grid": True, "grid.color": "#e6e8ec", "axes.spines.top": False, "axes.spines.right": False}


def curves_svg(results: Results, column: Column, rows: Sequence[Row], until: int) -> bytes | None:
    """A figure of two panels as SVG; None where no row has a curve of the metric.

    A line is the mean over a row's seeds that trained longest, the band around it reaches from the lowest to
    the highest of them. Rows that trained on the network that FD-lite0 measures with are dashed.

    Args:
        results: of all rows.
        column: the metric.
        rows: what is drawn; each keeps its colour whichever of them have results.
        until: the last step that is drawn.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(9.6, 3.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        drawn = [
            _draw(panels, results.of(row.name), column.key, until, row, COLOURS[i % len(COLOURS)])
            for i, row in enumerate(rows)
        ]
        if not any(drawn):
            return None
        panels[0].set_ylabel(column.heading)
        panels[0].set_xlabel("steps")
        panels[1].set_xlabel("seconds of computing on one core")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _draw(
    panels: Sequence[Axes], found: Sequence[Result], metric: str, until: int, row: Row, colour: object
) -> bool:
    longest = max((result.steps for result in found), default=0)
    there = [r.curves for r in found if r.steps == longest and metric in r.curves.values]
    trained = set.intersection(*(set(curves.steps) for curves in there)) if there else set()
    shared = sorted(step for step in trained if step <= until)
    if not shared:
        return False
    at = [[curves.steps.index(step) for step in shared] for curves in there]
    seeds = [[curves.values[metric][i] for i in chosen] for curves, chosen in zip(there, at)]
    times = [[curves.seconds[i] for i in chosen] for curves, chosen in zip(there, at)]
    middle, seconds = (_means(series) for series in (seeds, times))
    for panel, xs in zip(panels, (shared, seconds)):
        panel.plot(
            xs, middle, color=colour, linestyle="--" if row.lite0 else "-", linewidth=1.4, label=row.name
        )
        if len(seeds) > 1:
            low, high = ([end(values) for values in zip(*seeds)] for end in (min, max))
            panel.fill_between(xs, low, high, color=colour, alpha=0.15, linewidth=0)
    return True


def _means(series: Sequence[Sequence[float]]) -> list[float]:
    found = [mean(values) for values in zip(*series)]
    return [math.nan if one is None else one.value for one in found]
