"""The ceiling of a latent method: the truth through its encoder and decoder, pasted into the hole.

No refiner can give a better latent than the true picture's: no method with this autoencoder is expected to
have better values than this row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.evaluation.networks import Network, evaluating
from latent_inpaint.models.inpainter import check_shapes, pad_to_multiple

CEILING = "autoencoder"


class AutoencoderCeiling:
    """Sanity row: the true picture encoded and decoded, by the autoencoder that a network works in.

    Args:
        network: its model has `encode(image)`, `decode(latent)` and `down_factor`.
        name: how the row is called in tables.
    """

    sees_truth = True

    def __init__(self, network: Network, name: str = CEILING) -> None:
        self.name = name
        self.network = network

    @torch.inference_mode()
    def __call__(self, image: Tensor, mask: Tensor) -> Tensor:
        """`D(E(x))`, `[B, 3, H, W]` in [0, 1].

        Args:
            image: `[B, 3, H, W]` in [0, 1], the true picture, hole and all.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        """
        check_shapes(image, mask)
        model: Any = self.network.model
        device = next((parameter.device for parameter in model.parameters()), image.device)
        padded = pad_to_multiple(image.to(device), model.down_factor)
        with evaluating(model):
            picture = model.decode(model.encode(padded))
        return picture[..., : image.shape[-2], : image.shape[-1]].float().clamp(0, 1).to(image.device)

    def card(self) -> dict[str, Any]:
        """That this row cannot be compared with the others, and whose autoencoder it is."""
        return {"sees_truth": True, "autoencoder_of": self.network.name, **self.network.origin}


def ceilings(methods: Sequence[Any]) -> list[AutoencoderCeiling]:
    """One ceiling for each different autoencoder of the networks in `methods`; numbered from the second."""
    found: dict[str, AutoencoderCeiling] = {}
    for method in methods:
        if not isinstance(method, Network) or not _has_latent(method.model):
            continue
        number = f"-{len(found) + 1}" if found else ""
        found.setdefault(_fingerprint(method.model), AutoencoderCeiling(method, CEILING + number))
    return list(found.values())


def _has_latent(model: nn.Module) -> bool:
    return all(hasattr(model, name) for name in ("encode", "decode", "encoder", "decoder", "down_factor"))


def _fingerprint(model: Any) -> str:
    digest = hashlib.sha256()
    for part in (model.encoder, model.decoder):
        for name, tensor in part.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
