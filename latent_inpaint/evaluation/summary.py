"""One table over many runs: every `metrics.json` under a folder, comparable rows in one table each."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latent_inpaint.evaluation.files import ERROR_NAME, ROWS_NAME, read_rows
from latent_inpaint.evaluation.tables import markdown_rows

log = logging.getLogger(__name__)

CONFIG_NAME = "config.yaml"  # of a run
COMPARABLE = ("data", "masks", "size", "metrics")


@dataclass(frozen=True)
class Group:
    """Rows measured on the same pictures with the same masks and metrics.

    Attributes:
        title: what they have in common.
        rows: the rows, each with a `run`: its folder, or how many runs have this very row.
    """

    title: str
    rows: list[dict[str, Any]]


def collect(folder: Path) -> list[Group]:
    """Read every `metrics.json` under `folder`; equal rows of several runs (Telea's, say) become one.

    Files in another format are left out with a warning.

    Raises:
        FileNotFoundError: there is no folder, or not one row in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    groups: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.rglob(ROWS_NAME)):
        run = path.parent.relative_to(folder).as_posix()
        try:
            rows = read_rows(path)
        except (OSError, ValueError) as error:
            log.warning("left out: %s", error)
            continue
        for row in rows:
            facts = json.dumps([row["card"].get(key) for key in COMPARABLE], sort_keys=True)
            groups.setdefault(facts, []).append({**row, "run": run})
    if not groups:
        raise FileNotFoundError(f"{folder}: no {ROWS_NAME} with rows in this folder or below")
    return [Group(_title(rows[0]["card"]), _merged(rows)) for rows in groups.values()]


def without_results(folder: Path) -> list[str]:
    """A line for each run under `folder` without results, and for each that failed its error."""
    lines = []
    for path in sorted(folder.rglob(CONFIG_NAME)):
        run = path.parent
        ended = any((run / name).exists() for name in (ROWS_NAME, "model", ERROR_NAME))
        if not ended:
            lines.append(f"{run.relative_to(folder).as_posix()}: no results (stopped, or not done yet)")
    for path in sorted(folder.rglob(ERROR_NAME)):
        run, rows = path.parent, path.with_name(ROWS_NAME)
        if rows.is_file() and rows.stat().st_mtime > path.stat().st_mtime:
            continue  # it went on to its end
        lines.append(f"{run.relative_to(folder).as_posix()}: failed: {path.read_text().strip()}")
    return lines


def markdown_summary(groups: Sequence[Group], without: Sequence[str] = ()) -> str:
    """The groups' tables, each under its title; then the runs without results."""
    parts = [f"## {group.title}\n\n{markdown_rows(group.rows, 'run')}" for group in groups]
    if without:
        parts.append("## Without results\n\n" + "".join(f"- {line}\n" for line in without))
    return "\n".join(parts)


def _merged(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that differ in their run only as one; networks before what several runs have in common."""
    kept: dict[str, dict[str, Any]] = {}
    runs: dict[str, list[str]] = {}
    for row in rows:
        key = json.dumps([row["method"], row["metrics"]], sort_keys=True)
        kept.setdefault(key, row)
        runs.setdefault(key, []).append(row["run"])
    ordered = sorted(kept, key=lambda key: len(runs[key]) > 1)
    return [kept[key] | {"run": _label(kept[key]["method"], runs[key])} for key in ordered]


def _label(method: str, runs: Sequence[str]) -> str:
    return f"{method}, {runs[0] if len(runs) == 1 else f'{len(runs)} runs'}"


def _title(card: dict[str, Any]) -> str:
    data, masks = card.get("data") or {}, card.get("masks") or {}
    checksum = str(masks.get("rendered_sha256", ""))[:8]
    count, crops = data.get("pictures", "?"), card.get("n_images")
    crops_of = f"{crops} crops of " if crops not in (None, count) else ""
    pictures = f"{crops_of}{count} pictures of {data.get('name', '?')}"
    return f"{pictures}, {card.get('size', '?')}², masks {masks.get('name', '?')} {checksum}".rstrip()
