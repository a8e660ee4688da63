"""LaMa generators (Suvorov et al., 2022) as published: a directory with `config.yaml` and `best.ckpt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from latent_inpaint.files import replacing, write_text
from latent_inpaint.importers.lama_config import read_shape
from latent_inpaint.importers.lama_discriminator import load_discriminator
from latent_inpaint.importers.lama_layout import (
    GeneratorShape,
    generator_prefix,
    generator_weights,
    infer_shape,
    original_weights,
)
from latent_inpaint.models.inpainter import LatentInpainter
from latent_inpaint.models.storage import load_weights, read_checkpoint

__all__ = [
    "discriminator_state",
    "generator_from_state",
    "is_lama_directory",
    "load_discriminator",
    "load_generator",
    "read_lama_checkpoint",
    "save_generator",
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


def save_generator(model: LatentInpainter, directory: str | Path) -> Path:
    """Write a network in LaMa's published layout, `config.yaml` and `models/best.ckpt`; return the directory.

    LaMa's own code and what reads its checkpoints can use it.

    Raises:
        ValueError: a network with other parts than LaMa's.
        OSError: a file could not be written.
    """
    shape, weights = original_weights(model)
    local = {"ratio_gin": 0, "ratio_gout": 0, "enable_lfu": False}
    both = {"ratio_gin": shape.ratio, "ratio_gout": shape.ratio, "enable_lfu": False}
    generator = {
        "kind": "ffc_resnet",
        "input_nc": shape.in_channels,
        "output_nc": 3,
        "ngf": shape.ngf,
        "n_downsampling": shape.n_downsampling,
        "n_blocks": shape.n_blocks,
        "max_features": shape.max_channels,
        "add_out_act": "sigmoid",
        "init_conv_kwargs": local,
        "downsample_conv_kwargs": local,
        "resnet_conv_kwargs": both,
    }
    directory = Path(directory)
    with replacing(directory / CHECKPOINT_NAMES[1]) as file:
        torch.save({"state_dict": {f"generator.{name}": tensor for name, tensor in weights.items()}}, file)
    write_text(directory / CONFIG_NAME, yaml.safe_dump({"generator": generator}, sort_keys=False))
    return directory


def discriminator_state(directory: str | Path) -> dict[str, Tensor]:
    """The discriminator of a published directory, as `PatchDiscriminator` calls its tensors; may be empty.

    Raises:
        ValueError: a damaged checkpoint, or a discriminator of another kind.
    """
    directory = Path(directory)
    checkpoint = next((directory / name for name in CHECKPOINT_NAMES if (directory / name).is_file()), None)
    state = {} if checkpoint is None else read_lama_checkpoint(checkpoint).get("state_dict", {})
    own = {name: tensor for name, tensor in state.items() if name.startswith("discriminator.model")}
    is_whole = {"discriminator.model0.0.weight", "discriminator.model1.0.weight"} <= own.keys()
    return dict(load_discriminator(own).state_dict()) if is_whole else {}


def read_lama_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint of ours or of LaMa: tensors and plain values; anything that would run code is refused.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain values.
    """
    stand_ins = [(type("Inert", (), {}), name) for name in _INERT_CLASSES]
    with torch.serialization.safe_globals(stand_ins):  # type: ignore[arg-type]
        return read_checkpoint(path)
