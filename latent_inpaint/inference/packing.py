"""Networks made small for shipping: float16 on the disk, with a card that says where they come from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from latent_inpaint.files import write_text
from latent_inpaint.inference.cards import (
    CARD_NAME,
    metrics_table,
    network_row,
    read_metrics,
    read_rows,
    without_folders,
)
from latent_inpaint.inference.loading import BOX, read_model
from latent_inpaint.models.storage import WEIGHTS_NAME, save_model

CARD_FIELDS = ("data", "command", "commit", "metrics", "limits")
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
    measured = Path(run) / "metrics.json"
    trained = network_row(read_rows(measured))["card"]
    card = {
        "data": data or f"{trained['data']['name']}, {trained['data']['description']}",
        "command": without_folders(trained["command"]),
        "commit": trained["commit"],
        "metrics": read_metrics(measured if evaluation is None else evaluation),
        "limits": limits or LIMITS.format(size=trained["size"]),
    }
    folder = save_half(read_model(run)[0], folder, card)
    n_bytes = (folder / WEIGHTS_NAME).stat().st_size
    if n_bytes > MAX_MIB * 2**20:
        raise ValueError(f"{folder / WEIGHTS_NAME}: {n_bytes / 2**20:.1f} MiB, more than {MAX_MIB}")
    write_text(folder / CARD_NAME, _as_markdown(card, n_bytes))
    return folder


def _as_markdown(card: Mapping[str, Any], n_bytes: int) -> str:
    metrics, size = card["metrics"], f"{n_bytes / 2**20:.2f}"
    evaluation = f"```bash\n{metrics['command']}\n```\n\n" if metrics["command"] != card["command"] else ""
    return f"""# The network in the box
What `load("fast")` gives, and what lays out holes for `load()`. {size} MiB of float16; computes in float32.

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

{metrics_table(metrics)}
{evaluation}## Limits
{card["limits"]}
"""
