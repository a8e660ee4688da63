"""Model cards: what weights come from and how good they are, in words and for the hub's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from latent_inpaint.files import read_json
from latent_inpaint.markdown import markdown_table

CARD_NAME = "README.md"
OWN_ROW = "this network"
_TAGS = ["inpainting", "image-inpainting", "latent-space", "latent_inpaint"]


def read_metrics(path: str | Path) -> dict[str, Any]:
    """A `metrics.json` as a card has it: on which pictures, and the values by method, the network's first.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no row in it is about a network.
    """
    rows = read_rows(path)
    network = network_row(rows)
    card = network["card"]
    ordered = [network, *(row for row in rows if row is not network)]
    return {
        "pictures": card["n_images"],
        "size": card["size"],
        "masks": card["masks"]["name"],
        "command": without_folders(card["command"]),
        "rows": {
            OWN_ROW if row is network else row["method"]: {
                name: round(value, 4) for name, value in row["metrics"].items() if value is not None
            }
            for row in ordered
        },
    }


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.json`."""
    return read_json(path)["rows"]


def network_row(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first row about a network.

    Raises:
        ValueError: there is none.
    """
    found = next((row for row in rows if row["card"].get("checkpoint")), None)
    if found is None:
        raise ValueError(f"rows: none is about a network, got {[row['method'] for row in rows]}")
    return found


def without_folders(value: Any) -> Any:
    """JSON values without the folders of the machine they come from: of absolute paths, the last part.

    Example:
        >>> without_folders({"command": "train.py data.root=/home/me/photos lr=1e-3"})
        {'command': 'train.py data.root=photos lr=1e-3'}
    """
    if isinstance(value, dict):
        return {key: without_folders(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_folders(entry) for entry in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"(?<![\w.:/])/(?:[^\s'\",=\]]*/)?([^\s'\",=\]/]+)", r"\1", value)


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """The rows of `read_metrics` as Markdown."""
    names = list(dict.fromkeys(name for found in metrics["rows"].values() for name in found))
    rows = [[method, *(str(found.get(n, "")) for n in names)] for method, found in metrics["rows"].items()]
    return markdown_table(["method", *names], rows)


def hub_card(name: str, card: Mapping[str, Any]) -> str:
    """The hub's `README.md`: YAML that its tables and filters read, and the same in words.

    Args:
        name: `owner/name`.
        card: `licence`, `data`, `datasets` (names on the hub), `metrics` (see `read_metrics`), `limits`,
            `command` and `commit`; all but the first two may be missing.
    """
    metrics = _metrics_of(card)
    head = {
        "license": card["licence"],
        "library_name": "latent_inpaint",
        "pipeline_tag": "image-to-image",
        "tags": _TAGS,
        "datasets": list(card.get("datasets") or []),
        "metrics": list(metrics["rows"][OWN_ROW]) if metrics else [],
        "model-index": _model_index(name, card),
    }
    front = yaml.safe_dump({key: value for key, value in head.items() if value}, sort_keys=False)
    parts = {
        "Data": card["data"],
        "Metrics": _measured(metrics) if metrics else "Not measured.",
        "Limits": card.get("limits"),
        "How it was trained": "\n\n".join(
            f"```bash\n{card[key]}\n```" if key == "command" else f"Commit {card[key]}"
            for key in ("command", "commit")
            if card.get(key)
        ),
        "Licence": f"`{card['licence']}`",
    }
    sections = "\n\n".join(f"## {title}\n{str(text).strip()}" for title, text in parts.items() if text)
    return f"""---
{front}---
# {name}
An inpainting network of latent_inpaint: it fills the hole of a picture and keeps every known pixel.

```python
import latent_inpaint

pipeline = latent_inpaint.Pipeline.from_pretrained("{name}")
repaired = pipeline.inpaint(image, mask)  # numpy, PIL or torch; the same kind comes out
```

{sections}
"""


def _metrics_of(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `read_metrics` gave, if the card has it."""
    metrics = card.get("metrics")
    return metrics if isinstance(metrics, dict) and OWN_ROW in metrics.get("rows", {}) else None


def _measured(metrics: Mapping[str, Any]) -> str:
    facts = f"{metrics['pictures']} pictures that were not trained on, {metrics['size']}², "
    return f"{facts}masks `{metrics['masks']}`:\n\n{metrics_table(metrics)}"


def _model_index(name: str, card: Mapping[str, Any]) -> list[dict[str, Any]]:
    metrics = _metrics_of(card)
    if metrics is None:
        return []
    pictures = f"{metrics['pictures']} pictures, {metrics['size']}², masks {metrics['masks']}"
    dataset = {"type": next(iter(card.get("datasets") or []), "pictures"), "name": pictures}
    values = [{"type": kind, "value": value} for kind, value in metrics["rows"][OWN_ROW].items()]
    task = {"type": "image-to-image", "name": "Inpainting"}
    return [{"name": name, "results": [{"task": task, "dataset": dataset, "metrics": values}]}]
