"""From rows and pictures to `report.html`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import Extremes, Gallery, extreme_cases, show, spread, wanted_results
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.evaluation.page import ReportPicture, render_report
from latent_inpaint.evaluation.pictures import PictureValues
from latent_inpaint.evaluation.tables import Column, Row, best_rows, used_columns
from latent_inpaint.metrics.samples import SAMPLE_COLUMNS


def shown_pictures(
    methods: Sequence[Method],
    rows: Sequence[Row],
    loader: Iterable[Batch],
    values: PictureValues,
    gallery: Gallery,
    seed: int = 0,
) -> tuple[list[ReportPicture], Extremes]:
    """The pictures that a report shows, those with all fair methods first, and which are whose extremes.

    Args:
        methods: the methods of the rows; they are run again on the pictures that are shown.
        rows: rows of `metrics.json`.
        loader: gives the same pictures and masks as before.
        values: metrics picture by picture.
        gallery: how many pictures to show.
        seed: of the evaluation.
    """
    fair = [row["method"] for row in rows if is_fair(row)]
    competing = [method for method in methods if method.name in fair]
    shown_alone = [column for column in used_columns(rows) if column.key not in SAMPLE_COLUMNS]
    cases = extreme_cases({name: values[name] for name in fair}, shown_alone, gallery.extremes)
    wanted = wanted_results(fair, spread(values, gallery.pictures), cases)
    shown = show(competing, loader, wanted, values, seed) if wanted else {}
    return [shown[name] for name in wanted if name in shown], cases


def report(rows: Sequence[Row], pictures: Sequence[ReportPicture], cases: Extremes) -> str:
    """The page on rows that `evaluate` gave, and on what `shown_pictures` gave."""
    return render_report(content_of(rows, cases, pictures), pictures)


def content_of(rows: Sequence[Row], cases: Extremes, pictures: Sequence[ReportPicture]) -> dict[str, Any]:
    """What the page says, as JSON values; see `render_report`."""
    card = rows[0]["card"]
    columns = used_columns(rows)
    fair = [row for row in rows if is_fair(row)]
    return {
        "title": "Inpainting methods side by side",
        "facts": _facts(card),
        "notes": _notes(rows),
        "columns": [
            {
                "key": c.key,
                "title": c.title,
                "heading": c.heading,
                "up": c.higher_is_better,
                "digits": c.digits,
            }
            for c in columns
        ],
        "methods": _methods(rows, columns),
        "compared": sum(len(picture.results) == len(fair) for picture in pictures),
        "deciles": _deciles(rows, columns),
        "samplers": any("calls" in row["card"] or row["metrics"].get("diversity") for row in rows),
        "extremes": _indexed(cases, {picture.name: i for i, picture in enumerate(pictures)}),
    }


def _facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    data, masks = card.get("data", {}), card.get("masks", {})
    facts = [
        ("pictures", f"{data.get('pictures', '?')} of {data.get('name', '?')}"),
        ("size", f"{card.get('size', '?')}²"),
        ("masks", f"{masks.get('name', '?')} ({str(masks.get('rendered_sha256', '?'))[:12]})"),
        ("file list", str(data.get("file_list_sha256", "?"))[:12]),
        ("commit", str(card.get("commit") or "unknown")[:12]),
        ("evaluated", str(card.get("timing", {}).get("evaluated", "?")).replace("T", " ")),
    ]
    return [*facts, ("command", str(card["command"]))] if "command" in card else facts


def _notes(rows: Sequence[Row]) -> list[str]:
    card = rows[0]["card"]
    metrics = card.get("metrics") or {}
    notes = [
        f"{key.upper()} was not measured: its weights are missing."
        for key in ("fid", "lpips")
        if metrics.get(key, 1) is None
    ]
    if card.get("n_unreadable"):
        notes.append(
            f"{card['n_unreadable']} pictures could not be read: {', '.join(card['unreadable'][:10])}."
        )
    return notes


def _methods(rows: Sequence[Row], columns: Sequence[Column]) -> list[dict[str, Any]]:
    best = {column: best_rows(rows, column) for column in columns}
    return [
        {
            "name": row["method"],
            "fair": is_fair(row),
            "pictures": row["card"].get("n_images", 0),
            "failed": [f"{name}: {reason}" for name, reason in row["card"].get("failed", {}).items()],
            "seconds": row["card"].get("timing", {}).get("seconds_per_image"),
            "calls": row["card"].get("calls"),
            "cells": {column.key: _cell(row, column, index in best[column]) for column in columns},
            "card": json.dumps(row["card"], indent=1, ensure_ascii=False),
        }
        for index, row in enumerate(rows)
    ]


def _cell(row: Row, column: Column, best: bool) -> dict[str, Any]:
    value = row["metrics"].get(column.key)
    interval = (row.get("intervals") or {}).get(column.key)
    text = None if interval is None else " – ".join(column.text(bound) for bound in interval)
    return {"text": column.text(value), "value": value, "interval": text, "best": best}


def _deciles(rows: Sequence[Row], columns: Sequence[Column]) -> list[dict[str, Any]]:
    parts = [row.get("hole_area") or [] for row in rows]
    longest = max(parts, key=len)
    return [
        {
            "range": part["range"],
            "pictures": max(area[i]["images"] for area in parts if area),
            "metrics": [_chosen(area, i, "metrics", columns) for area in parts],
            "intervals": [_chosen(area, i, "intervals", columns) for area in parts],
        }
        for i, part in enumerate(longest)
    ]


def _chosen(
    area: Sequence[dict[str, Any]], index: int, key: str, columns: Sequence[Column]
) -> dict[str, Any]:
    return {c.key: (area[index].get(key) or {}).get(c.key) for c in columns} if area else {}


def _indexed(cases: Extremes, index: dict[str, int]) -> dict[str, Any]:
    return {
        metric: {
            method: {side: [index[name] for name in names if name in index] for side, names in sides.items()}
            for method, sides in by_method.items()
        }
        for metric, by_method in cases.items()
    }


def is_fair(row: Row) -> bool:
    """Whether the method of a row of `metrics.json` sees no truth."""
    return not row["card"].get("sees_truth", False)
