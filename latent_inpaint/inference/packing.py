"""Networks made small for shipping: float16 on the disk, with a card that says where they come from."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from latent_inpaint.files import read_json, write_text
from latent_inpaint.inference.loading import BOX, read_model
from latent_inpaint.markdown import markdown_table
from latent_inpaint.models.storage import WEIGHTS_NAME, save_model

CARD_FIELDS = ("data", "command", "commit", "metrics", "limits")
CARD_NAME = "README.md"
MAX_MIB = 4
LIMITS = (
    "A small network, trained on {size}×{size} crops of few photographs: it continues textures, surfaces and "
    "edges; holes wider than about half a crop come out smooth, and faces, text and whole objects are not "
    "invented. Larger pictures are filled from crops around their holes."
)


def save_half(model: nn.Module, directory: str | Path, card: Mapping[str, Any] | None = None) -> Path:
    """Write a network like `save_model`, its weights in float16; `load` makes them float32 again.

    Raises:
        ValueError: a weight is too large for float16.
    """
    half = copy.deepcopy(model).cpu().half()
    too_large = [name for name, value in half.state_dict().items() if not value.isfinite().all()]
    if too_large:
        raise ValueError(f"half: does not fit into float16: {', '.join(too_large)}")
    return save_model(half, directory, card)


def make_box(
    run: str | Path,
    folder: str | Path = BOX,
    evaluation: str | Path | None = None,
    data: str | None = None,
    limits: str | None = None,
) -> Path:
    """Make the network in the box, `model.safetensors`, `config.json` and its card `README.md`, from a run.

    Args:
        run: folder of a training run: `model/` and `metrics.json`, which tells its command and commit.
        folder: where to write; default: the package's own.
        evaluation: another `metrics.json` to take the table from; default: the run's.
        data: what it was trained on, in words; default: the name of the folder.
        limits: what it cannot do; default: `LIMITS`.

    Returns:
        `folder`.

    Raises:
        FileNotFoundError: a file of the run is missing.
        ValueError: no row about a network, or more than `MAX_MIB` on the disk.
    """
    trained = _network_row(_read_rows(Path(run) / "metrics.json"))["card"]
    rows = _read_rows(Path(run) / "metrics.json" if evaluation is None else Path(evaluation))
    card = {
        "data": data or f"{trained['data']['name']}, {trained['data']['description']}",
        "command": _without_folders(trained["command"]),
        "commit": trained["commit"],
        "metrics": _metrics(rows),
        "limits": limits or LIMITS.format(size=trained["size"]),
    }
    folder = save_half(read_model(run)[0], folder, card)
    n_bytes = (folder / WEIGHTS_NAME).stat().st_size
    if n_bytes > MAX_MIB * 2**20:
        raise ValueError(f"{folder / WEIGHTS_NAME}: {n_bytes / 2**20:.1f} MiB, more than {MAX_MIB}")
    write_text(folder / CARD_NAME, _as_markdown(card, n_bytes))
    return folder


def _read_rows(path: Path) -> list[dict[str, Any]]:
    return read_json(path)["rows"]


def _network_row(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = next((row for row in rows if row["card"].get("checkpoint")), None)
    if found is None:
        raise ValueError(f"rows: none is about a network, got {[row['method'] for row in rows]}")
    return found


def _metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    network = _network_row(rows)
    card = network["card"]
    return {
        "pictures": card["n_images"],
        "size": card["size"],
        "masks": card["masks"]["name"],
        "command": _without_folders(card["command"]),
        "rows": {
            "this network" if row is network else row["method"]: {
                name: round(value, 4) for name, value in row["metrics"].items() if value is not None
            }
            for row in rows
        },
    }


def _without_folders(command: str) -> str:
    """A command without the folders of the machine that it ran on: of absolute paths, the last part."""
    return re.sub(r"(?<![\w.])/(?:[^\s'\",=\]]*/)?([^\s'\",=\]/]+)", r"\1", command)


def _as_markdown(card: Mapping[str, Any], n_bytes: int) -> str:
    metrics, size = card["metrics"], f"{n_bytes / 2**20:.2f}"
    names = list(next(iter(metrics["rows"].values())))
    evaluation = f"```bash\n{metrics['command']}\n```\n\n" if metrics["command"] != card["command"] else ""
    rows = [[method, *(str(found.get(n, "")) for n in names)] for method, found in metrics["rows"].items()]
    return f"""# The network in the box
What `latent_inpaint.load()` gives without arguments. {size} MiB of float16; computes in float32.

## Data
{card["data"]}

## Command
```bash
{card["command"]}
```

## Commit
{card["commit"]}

## Metrics
{metrics["pictures"]} pictures that were not trained on, {metrics["size"]}², masks `{metrics["masks"]}`:

{markdown_table(["method", *names], rows)}
{evaluation}## Limits
{card["limits"]}
"""
