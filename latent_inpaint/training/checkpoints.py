"""Checkpoints: written in one step, read without running code."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import nn

from latent_inpaint import registry
from latent_inpaint.files import replacing
from latent_inpaint.importers import containers, lama
from latent_inpaint.inference.loading import read_model
from latent_inpaint.models.storage import WEIGHTS_NAME, load_model, read_checkpoint

log = logging.getLogger(__name__)

LAST_NAME = "last.ckpt"
RECIPE_NAME = "recipe.json"
"""In a folder of the autoencoders' cache: what determines the weights."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the final name, flushes, then renames: a final name never holds half a file."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`; on an error (a full disk, say) the file that was there stays."""
        with replacing(path) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read tensors and plain values only; see `latent_inpaint.models.storage.read_checkpoint`."""
        return read_checkpoint(path)


def network_weights(source: str | Path) -> dict[str, torch.Tensor]:
    """Weights of a network by name, from a run, a checkpoint of ours, or what `latent_inpaint.load` takes.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: a file without a network of ours.
    """
    source = Path(source)
    for folder in (source, source / "model"):
        if (folder / WEIGHTS_NAME).is_file():
            return dict(load_model(folder).state_dict())
    if (source / "checkpoints" / LAST_NAME).is_file():
        source = source / "checkpoints" / LAST_NAME
    if source.suffix != ".ckpt":
        return dict(read_model(source)[0].state_dict())
    checkpoint = read_checkpoint(source)
    prefix = "model."
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.get("state_dict", {}).items()
        if name.startswith(prefix)
    }
    if not weights:
        raise ValueError(
            f"{source}: a checkpoint of ours has weights named 'model.…' in 'state_dict'; none is there"
        )
    return weights


def initialise_from(model: nn.Module, source: str | Path) -> tuple[list[str], list[str]]:
    """Copy the weights of `source` whose names and shapes fit `model`; return (missing, unexpected) names.

    Raises:
        ValueError: not one weight fits.
    """
    weights = network_weights(source)
    own = model.state_dict()
    fitting = {name: w for name, w in weights.items() if name in own and w.shape == own[name].shape}
    if not fitting:
        raise ValueError(f"init_from={source}: none of its {len(weights)} weights fits this network")
    missing = [name for name in own if name not in fitting]
    unexpected = [name for name in weights if name not in fitting]
    model.load_state_dict(fitting, strict=False)
    log.info(
        f"init_from={source}: {len(fitting)} weights loaded; "
        f"missing {len(missing)}{_examples(missing)}; unexpected {len(unexpected)}{_examples(unexpected)}"
    )
    return missing, unexpected


def discriminator_weights(source: str | Path) -> dict[str, torch.Tensor]:
    """A discriminator that LaMa's directory or zip brings, under `PatchDiscriminator`'s names; else empty.

    Args:
        source: what `init_from` names: a path, or a name of the registry.

    Raises:
        ValueError: a damaged file.
    """
    named = registry.entries().get(str(source))
    path = Path(source) if named is None else named.get()
    if lama.is_lama_directory(path):
        return lama.discriminator_state(path)
    if path.is_file() and zipfile.is_zipfile(path) and containers.is_lama_zip(path):
        with containers.unpacked(path) as folder:
            return lama.discriminator_state(folder)
    return {}


def initialise_adversaries(discriminators: Mapping[str, nn.Module], source: str | Path) -> None:
    """Copy a discriminator that `source` brings into those that it fits; says which.

    Args:
        discriminators: by name of the adversary.
        source: what `init_from` names.

    Raises:
        ValueError: a damaged file.
    """
    weights = discriminator_weights(source) if discriminators else {}
    for name, discriminator in discriminators.items():
        own = {key: tensor.shape for key, tensor in discriminator.state_dict().items()}
        fits = own == {key: tensor.shape for key, tensor in weights.items()}
        if fits:
            discriminator.load_state_dict(weights)
        start = "starts from its discriminator" if fits else "is new"
        log.info(f"init_from={source}: adversary {name} {start}")


def _examples(names: list[str]) -> str:
    return f" ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})" if names else ""
