"""An evaluation from data to files: rows, tables, values by picture, report."""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from latent_inpaint.data.mask_sources import MaskSource
from latent_inpaint.evaluation import card as cards
from latent_inpaint.evaluation.blind import write_blind
from latent_inpaint.evaluation.ceiling import AutoencoderCeiling
from latent_inpaint.evaluation.files import ROWS_NAME, write_rows
from latent_inpaint.evaluation.gallery import Gallery
from latent_inpaint.evaluation.journal import Journal
from latent_inpaint.evaluation.judge import judge
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.evaluation.networks import Network
from latent_inpaint.evaluation.pictures import picture_values, write_pictures
from latent_inpaint.evaluation.reporting import is_fair, report, shown_pictures
from latent_inpaint.evaluation.runner import check_names, evaluate, measure_part
from latent_inpaint.evaluation.tables import LOG_WIDTH, console_table, markdown_rows
from latent_inpaint.files import write_text
from latent_inpaint.metrics.suite import MetricSuite
from latent_inpaint.models.inpainter import draws
from latent_inpaint.training.distributed import gathered, n_processes, share

log = logging.getLogger(__name__)

MARKDOWN_NAME = "metrics.md"
PICTURES_NAME = "pictures.csv"
REPORT_NAME = "report.html"
DEFAULT_GALLERY = Gallery()


class EvaluationData(Protocol):
    """What an evaluation asks of a data module; see `InpaintingDataModule`."""

    size: int
    val_masks: MaskSource

    def val_dataloader(self) -> Any:
        """A sized loader that gives every validation picture once, in the same order each time."""

    def val_file_list_hash(self) -> str:
        """SHA-256 of what the validation pictures are."""

    def summary(self) -> dict[str, Any]:
        """`description`, `val_pictures`, `val_crops` and `val_unreadable`."""


def compare(
    methods: Sequence[Method],
    data: EvaluationData,
    suite: MetricSuite,
    folder: Path,
    names: dict[str, str] | None = None,
    journals: Path | None = None,
    gallery: Gallery | None = DEFAULT_GALLERY,
    seed: int = 0,
    kept: Path | None = None,
    samples: int = 1,
    judge_steps: int = 0,
) -> list[dict[str, Any]]:
    """Measure methods on the validation pictures, print the table, write the results; return the rows.

    Args:
        methods: with names that differ.
        data: pictures and masks, set up.
        suite: the metrics, nothing measured yet.
        folder: gets metrics.json, metrics.md, pictures.csv and report.html.
        names: what the user calls `data` and `masks`, for the card.
        journals: where an interrupted evaluation is kept; None is `folder`.
        gallery: how much report.html shows; None for no report.
        seed: of methods that draw.
        kept: where values of methods without a network are kept, for the next evaluation of the same data,
            masks and metrics: the jobs of a sweep measure them once.
        samples: fills of each picture by methods that draw.
        judge_steps: of the training of a judge for each method, see `judge`; 0: none.

    Raises:
        ValueError: fewer than one sample.
        EvaluationInterrupted: by Ctrl-C; the same call goes on.
        OSError: a result could not be written; what was measured is kept.
    """
    from rich.console import Console

    check_names(methods)
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    card = common_card(data, suite, names or {})
    journal = _journal(methods, card, journals or folder, seed, samples)
    suite.use_cache(data.val_file_list_hash(), data.size)
    with_network = (Network, AutoencoderCeiling)
    classical = {m.name: _method_facts(m, seed, samples) for m in methods if not isinstance(m, with_network)}
    dirty = str(card["commit"]).endswith("+changes")  # the methods may have changed, too
    store = None if kept is None or not classical or dirty else Journal(kept, _facts(card), classical)
    measured = {} if store is None or journal.path.is_file() else store.restore(suite)
    rows = _with_progress(methods, data, suite, card, journal, seed, measured, samples)
    if store is not None and measured.keys() != classical.keys():
        seconds = {
            row["method"]: row["card"]["timing"]["seconds_per_image"] * row["card"]["n_images"]
            for row in rows
        }
        store.save_now_and_then(suite, {name: seconds[name] for name in classical}, now=True)
    unreadable = sorted(data.summary()["val_unreadable"])
    for row in rows:
        row["card"] |= {"n_unreadable": len(unreadable), "unreadable": unreadable}
    if judge_steps:
        for row, (accuracy, interval) in zip(
            rows, judge(methods, data.val_dataloader(), judge_steps, seed).values(), strict=True
        ):
            row["metrics"]["judge"], row["intervals"]["judge"] = accuracy, interval
            row["card"]["judge"] = {"steps": judge_steps, "seed": seed}
    Console(width=None if sys.stdout.isatty() else LOG_WIDTH).print(console_table(rows, _title(rows)))
    write_rows(folder / ROWS_NAME, rows)
    write_text(folder / MARKDOWN_NAME, markdown_rows(rows))
    values = picture_values(suite, [method.name for method in methods])
    write_pictures(folder / PICTURES_NAME, values)
    if gallery is not None:
        log.info("writing %s", folder / REPORT_NAME)
        pictures, cases = shown_pictures(methods, rows, data.val_dataloader(), values, gallery, seed)
        write_text(folder / REPORT_NAME, report(rows, pictures, cases))
        if gallery.blind:
            fair = [row["method"] for row in rows if is_fair(row)]
            write_blind(folder, fair, pictures[: gallery.pictures], seed)
    journal.remove()
    return rows


def measure_share(
    methods: Sequence[Method],
    data: EvaluationData,
    suite: MetricSuite,
    names: dict[str, str],
    journals: Path,
    seed: int = 0,
    samples: int = 1,
) -> None:
    """Measure this process's share of an evaluation, among those that started together; all wait for all.

    `compare` in one process then finds everything in the journals. Arguments: see there.

    Raises:
        EvaluationInterrupted: by Ctrl-C; the same evaluation goes on, with any number of processes.
    """
    card = common_card(data, suite, names)
    journal = _journal(methods, card, journals, seed, samples)
    suite.use_cache(data.val_file_list_hash(), data.size)
    done = share(journal.done)
    loader = data.val_dataloader()
    progress = LoggedTenths(max(1, -(-data.summary()["val_crops"] // n_processes())))
    measure_part(methods, loader, suite, journal.part(), done, progress, seed, samples)
    gathered(None)


def common_card(data: EvaluationData, suite: MetricSuite, names: dict[str, str]) -> dict[str, Any]:
    """What all rows of an evaluation have in common; what differs from time to time is under `timing`."""
    summary = data.summary()
    return {
        "data": {
            "name": names.get("data", "data"),
            "description": summary["description"],
            "pictures": summary["val_pictures"],
            "file_list_sha256": data.val_file_list_hash(),
        },
        "masks": {"name": names.get("masks", "masks"), **data.val_masks.card()},
        "size": data.size,
        "metrics": suite.card(),
        "versions": cards.library_versions(),
        "commit": cards.commit(),
        "command": cards.command(),
        "timing": {
            "evaluated": datetime.now().isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        },
    }


def _with_progress(
    methods: Sequence[Method],
    data: EvaluationData,
    suite: MetricSuite,
    card: dict[str, Any],
    journal: Journal,
    seed: int,
    measured: dict[str, float],
    samples: int,
) -> list[dict[str, Any]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stdout.isatty()) as bar:
        title = f"Evaluating {len(methods)} method{'s' if len(methods) > 1 else ''}"
        total = data.summary()["val_crops"]
        task = bar.add_task(title, total=total)
        step = partial(bar.advance, task) if bar.console.is_terminal else LoggedTenths(total)
        loader = data.val_dataloader()
        return evaluate(methods, loader, suite, card, journal, step, seed, measured, samples)


class LoggedTenths:
    """A progress bar for log files: a line after every tenth of `total` pictures."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def __call__(self, pictures: int) -> None:
        """Count the pictures of a batch that is done."""
        before, self.done = self.done, self.done + pictures
        if self.done * 10 // self.total > before * 10 // self.total:
            log.info("evaluated %d of %d pictures", self.done, self.total)


def _facts(card: dict[str, Any]) -> dict[str, Any]:
    """The part of the card that numbers depend on."""
    return {key: value for key, value in card.items() if key not in ("timing", "command")}


def _journal(
    methods: Sequence[Method], card: dict[str, Any], folder: Path, seed: int, samples: int
) -> Journal:
    facts = {method.name: _method_facts(method, seed, samples) for method in methods}
    return Journal(folder, _facts(card), facts)


def _method_facts(method: Method, seed: int, samples: int) -> list[Any]:
    facts: list[Any] = [type(method).__module__, type(method).__qualname__, getattr(method, "card", dict)()]
    return [*facts, seed, samples] if draws(method) else facts


def _title(rows: Sequence[dict[str, Any]]) -> str:
    card = rows[0]["card"]
    return f"{card['data']['name']}, {card['size']}², masks {card['masks']['name']}"
