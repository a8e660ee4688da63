"""Models that older versions saved, in today's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

Weights = dict[str, Tensor]


def upgrade(description: dict[str, Any], weights: Mapping[str, Tensor]) -> tuple[dict[str, Any], Weights]:
    """A first-edition `LatentInpainter` with its ways for the mask as guides; anything else as it is.

    Args:
        description: see `latent_inpaint.models.parts.describe`.
        weights: by their names then.

    Returns:
        Description and weights for `build` and `load_weights`.

    Raises:
        ValueError: the network needs what is gone.
    """
    arguments = description.get("arguments", {})
    if description.get("class") != "LatentInpainter" or "guide" in arguments:
        return description, dict(weights)
    encoder, plain, control = (arguments.get(name) for name in ("encoder", "plain_encoder", "mask_encoder"))
    has_alpha = isinstance(encoder, dict) and encoder.get("arguments", {}).get("in_channels") == 4
    prefixes: dict[str, str] = {}
    guide: dict[str, Any] = {"class": "MaskAsAlpha" if has_alpha else "Unguided", "arguments": {}}
    if control is not None:
        guide = {**control, "class": "MaskControl"}
        prefixes = {"mask_encoder.": "guide."}
    if plain is not None:
        guide = {"class": "AlphaEncoder", "arguments": {"encoder": encoder}}
        encoder = plain
        prefixes = {"plain_encoder.": "encoder.", "encoder.": "guide.encoder."}
    refiner = arguments.get("refiner")
    new = {
        "encoder": encoder,
        "refiner": _refiner(refiner),
        "decoder": arguments.get("decoder"),
        "guide": guide,
    }
    return {**description, "arguments": new}, {_renamed(name, prefixes): w for name, w in weights.items()}


def _refiner(description: Any) -> Any:
    if not isinstance(description, dict) or "rectify" not in description.get("arguments", {}):
        return description
    arguments = dict(description["arguments"])
    if arguments.pop("rectify"):
        raise ValueError("rectify: refiners that end with a ReLU are no longer supported; use version 0.1")
    return {**description, "arguments": arguments}


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
