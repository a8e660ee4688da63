"""LaMa generators (Suvorov et al., 2022) as published: a directory with `config.yaml` and `best.ckpt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.importers.lama_config import read_shape
from latent_inpaint.importers.lama_discriminator import load_discriminator
from latent_inpaint.importers.lama_layout import (
    GeneratorShape,
    generator_prefix,
    generator_weights,
    infer_shape,
)
from latent_inpaint.models.inpainter import LatentInpainter
from latent_inpaint.models.storage import load_weights, read_checkpoint

__all__ = [
    "generator_from_state",
    "is_lama_directory",
    "load_discriminator",
    "load_generator",
    "read_lama_checkpoint",
]

CONFIG_NAME = "config.yaml"
CHECKPOINT_NAMES = ("best.ckpt", "models/best.ckpt")
# Lightning's checkpoints of that time have this class as a dictionary key; an empty class stands in for it.
_INERT_CLASSES = ("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",)


def is_lama_directory(directory: str | Path) -> bool:
    """Whether `directory` holds a configuration and a checkpoint in LaMa's published layout."""
    directory = Path(directory)
    has_checkpoint = any((directory / name).is_file() for name in CHECKPOINT_NAMES)
    return has_checkpoint and (directory / CONFIG_NAME).is_file()


def load_generator(directory: str | Path) -> LatentInpainter:
    """The generator of a published directory, in eval mode, on the CPU.

    `directory` holds `config.yaml` and `best.ckpt` or `models/best.ckpt`. The checkpoint is read without
    running any code in it; the discriminator's weights are skipped.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: the configuration asks for what our network does not have, or the weights do not fit it.
    """
    directory = Path(directory)
    checkpoint = next((directory / name for name in CHECKPOINT_NAMES if (directory / name).is_file()), None)
    if checkpoint is None:
        raise FileNotFoundError(f"{directory}: holds none of {', '.join(CHECKPOINT_NAMES)}")
    shape = read_shape(directory / CONFIG_NAME)
    state = read_lama_checkpoint(checkpoint).get("state_dict")
    return generator_from_state(state if isinstance(state, Mapping) else {}, str(checkpoint), shape)


def generator_from_state(
    state: Mapping[str, Tensor], source: str, shape: GeneratorShape | None = None
) -> LatentInpainter:
    """The generator among the tensors `state`, in eval mode.

    Args:
        state: tensors under the original's names, `<anything>model.<i>…`; other networks are skipped.
        source: where they come from, for errors.
        shape: the generator's size; read off the tensors if not given.

    Raises:
        ValueError: there is no generator, or its tensors do not fit `shape`.
    """
    prefix = generator_prefix(state)
    if prefix is None:
        raise ValueError(f"{source}: holds no LaMa generator (no tensors named generator.model.<i>…)")
    shape = shape or infer_shape(state, prefix)
    model = shape.build()
    load_weights(model, generator_weights(state, shape, prefix), source)
    return model.eval()


def read_lama_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint of ours or of LaMa: tensors and plain values; anything that would run code is refused.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain values.
    """
    stand_ins = [(type("Inert", (), {}), name) for name in _INERT_CLASSES]
    with torch.serialization.safe_globals(stand_ins):  # type: ignore[arg-type]
        return read_checkpoint(path)
