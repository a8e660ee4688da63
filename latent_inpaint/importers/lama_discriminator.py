"""LaMa's published discriminator weights → PatchDiscriminator."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.storage import load_weights

_KEY = re.compile(r"(?:discriminator\.)?model(\d+)\.(.+)")


def load_discriminator(state_dict: Mapping[str, Tensor]) -> PatchDiscriminator:
    """The discriminator of a published LaMa checkpoint, its size read off the weights, in train mode.

    Args:
        state_dict: keys `model<i>.<j>.…`, with or without the prefix `discriminator.`; the keys of
            other networks in a whole checkpoint are skipped.

    Raises:
        ValueError: there are no discriminator keys, or they are not those of LaMa's patch discriminator.
    """
    matches = {key: _KEY.fullmatch(key) for key in state_dict}
    weights = {f"layers.{m[1]}.{m[2]}": state_dict[key] for key, m in matches.items() if m}
    if "layers.0.0.weight" not in weights:
        raise ValueError(
            "state_dict: expected keys 'model<i>.<j>.…' or 'discriminator.model<i>.<j>.…' from i = 0 on, "
            f"got {sorted(state_dict)[:5]}"
        )
    width, in_channels, kernel_size, _ = weights["layers.0.0.weight"].shape
    last = max(int(m[1]) for m in matches.values() if m)
    discriminator = PatchDiscriminator(in_channels, width, n_layers=last - 1, kernel_size=kernel_size)
    load_weights(discriminator, weights, "state_dict")
    return discriminator
