"""What a training step of each row costs by itself: operations and memory, counted without computing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from latent_inpaint.training.dry_run import StepCost, module_cost, training_modules
from reproduction.configuration import composed
from reproduction.document import Table
from reproduction.findings import Results
from reproduction.rows import Row, Run
from reproduction.settings import Settings

NAMED = ("data_name=folder", "masks_name=folder")  # which Hydra knows in a run of its own alone


def step_costs(rows: Sequence[Row], settings: Settings, conf: Path) -> dict[str, StepCost]:
    """Row's name → cost of a step of its last stage.

    Args:
        rows: of which runs have results.
        settings: of all runs.
        conf: folder of the configuration files.
    """
    return {row.name: _cost(conf, (*settings.overrides(Run(row, row.seeds[0])), *NAMED)) for row in rows}


@functools.cache
def _cost(conf: Path, overrides: tuple[str, ...]) -> StepCost:
    cfg = composed(conf, list(overrides))
    return module_cost(cfg, list(training_modules(cfg).values())[-1])


def costs_table(results: Results, costs: dict[str, StepCost]) -> Table:
    """Operations, memory, pictures a second, and the share of the loss that a row's own term had."""
    header = ["row", "GFLOP an image", "peak memory", "images/s", "share of the sum"]
    rows = []
    for row in results.rows:
        if row.name in costs:
            cost, seconds = costs[row.name], results.per_step(row.name)
            shares = [f"{share:.2f}" for result in results.of(row.name)[:1] for share in result.shares]
            rows.append(
                [
                    row.name,
                    f"{cost.flops / 1e9:.2f}",
                    f"{cost.peak / 2**20:.0f} MiB",
                    "–" if seconds is None else f"{cost.batch_size / seconds.value:.1f}",
                    ", ".join(shares) or "–",
                ]
            )
    return Table(header, rows, words=1)
