"""A table that grows over time: rows measured on the same pictures, masks and size by the same metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from latent_inpaint.evaluation.files import read_rows, write_rows
from latent_inpaint.evaluation.summary import COMPARABLE
from latent_inpaint.evaluation.tables import markdown_rows
from latent_inpaint.files import write_text

log = logging.getLogger(__name__)

_KNOWN_LATER = {"masks.rendered_sha256"}  # once the masks have been drawn


def check_protocol(path: Path, card: Mapping[str, Any]) -> None:
    """Refuse what could not be added to a leaderboard, before anything is measured.

    Args:
        path: the leaderboard's JSON file; one that is not there yet takes everything.
        card: common to all rows, see `latent_inpaint.evaluation.session.common_card`.

    Raises:
        ValueError: the file holds rows of other data, masks, size or metrics, or is no leaderboard.
    """
    if not path.exists():
        return
    rows = read_rows(path)
    if not rows:
        return
    ours, theirs = _facts(card), _facts(rows[0]["card"])
    for name in sorted(ours.keys() | theirs.keys(), key=lambda name: (name != "size", name)):
        if ours.get(name) != theirs.get(name) and name not in _KNOWN_LATER - (ours.keys() & theirs.keys()):
            raise ValueError(
                f"leaderboard {path}: its rows are of another protocol: {name} is {_short(theirs.get(name))} "
                f"there and {_short(ours.get(name))} here; give another leaderboard=FILE"
            )


def add_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows to a leaderboard, in one step and under a lock; a Markdown table is written beside it.

    A row replaces that of the same method with the same facts; another network of the same name stands
    beside it.

    Raises:
        ValueError: as `check_protocol`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        for row in rows:
            check_protocol(path, row["card"])
        kept = {_identity(row): row for row in (read_rows(path) if path.exists() else [])}
        kept |= {_identity(row): row for row in rows}
        write_rows(path, list(kept.values()))
        write_text(path.with_suffix(".md"), markdown_rows(list(kept.values())))
    log.info("leaderboard %s: %d rows", path, len(kept))


def _facts(card: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree, by dotted name; what people call the data and the masks plays no part."""
    facts: dict[str, Any] = {}
    for key in COMPARABLE:
        value = card.get(key)
        parts = value.items() if isinstance(value, dict) else ()
        facts |= {f"{key}.{name}": part for name, part in parts} if parts else {key: value}
    names = ("name", "description")
    return {name: value for name, value in facts.items() if name.rpartition(".")[2] not in names}


def _identity(row: Mapping[str, Any]) -> str:
    card = row["card"]
    facts = {key: card.get(key) for key in ("implementation", "checkpoint_sha256", "results", "seed")}
    return json.dumps([row["method"], facts], sort_keys=True)


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}…"
