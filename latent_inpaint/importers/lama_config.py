"""LaMa's `config.yaml`: which generator it describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latent_inpaint.files import read_yaml
from latent_inpaint.importers.lama_layout import GeneratorShape

LARGEST = {"input_nc": 16, "ngf": 256, "n_downsampling": 8, "n_blocks": 64, "max_features": 2048}
_INTERPOLATION = re.compile(r"\$\{([\w.]+)\}")


def read_shape(path: str | Path) -> GeneratorShape:
    """The generator that a LaMa `config.yaml` describes.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no generator of the kind `ffc_resnet`, or an option that our network does not have.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such configuration")
    config = read_yaml(path)
    if not isinstance(config, dict) or not isinstance(config.get("generator"), dict):
        raise ValueError(f"{path}: a LaMa configuration has a section `generator`")
    try:
        return _shape(_resolve(config["generator"], config, str(path)), str(path))
    except (AttributeError, OverflowError, TypeError) as error:
        raise ValueError(f"{path}: unusable values in the section `generator`: {error}") from error


def _shape(generator: Mapping[str, Any], source: str) -> GeneratorShape:
    _check_supported(generator, source)
    default = GeneratorShape()
    for key, largest in LARGEST.items():
        if not 0 <= int(generator.get(key, 1)) <= largest:
            raise ValueError(f"{source}: generator.{key} must be at most {largest}, got {generator[key]}")
    return GeneratorShape(
        in_channels=int(generator.get("input_nc", default.in_channels)),
        ngf=int(generator.get("ngf", default.ngf)),
        n_downsampling=int(generator.get("n_downsampling", default.n_downsampling)),
        n_blocks=int(generator.get("n_blocks", default.n_blocks)),
        ratio=float(generator.get("resnet_conv_kwargs", {}).get("ratio_gin", 0)),
        max_channels=int(generator.get("max_features", default.max_channels)),
    )


def _check_supported(generator: Mapping[str, Any], source: str) -> None:
    resnet = generator.get("resnet_conv_kwargs", {})
    expected = {
        "kind": (generator.get("kind", "ffc_resnet"), "ffc_resnet"),
        "output_nc": (generator.get("output_nc", 3), 3),
        "add_out_act": (generator.get("add_out_act", "sigmoid"), "sigmoid"),
        "out_ffc": (bool(generator.get("out_ffc")), False),
        "spatial_transform_layers": (bool(generator.get("spatial_transform_layers")), False),
        "resnet_conv_kwargs.ratio_gout": (resnet.get("ratio_gout", 0), resnet.get("ratio_gin", 0)),
    }
    for section in ("init_conv_kwargs", "downsample_conv_kwargs", "resnet_conv_kwargs"):
        options = generator.get(section, {})
        expected[f"{section}.enable_lfu"] = (bool(options.get("enable_lfu", True)), False)
        if section != "resnet_conv_kwargs":
            expected[f"{section}.ratio_gout"] = (options.get("ratio_gout", 0), 0)
    for key, (found, wanted) in expected.items():
        if found != wanted:
            raise ValueError(f"{source}: generator.{key} must be {wanted!r} to be imported, got {found!r}")


def _resolve(value: Any, config: Mapping[str, Any], source: str, depth: int = 0) -> Any:
    """`value` with the references `${a.b.c}` into `config` replaced by what they point at."""
    if isinstance(value, dict):
        return {key: _resolve(item, config, source, depth) for key, item in value.items()}
    reference = _INTERPOLATION.fullmatch(value) if isinstance(value, str) else None
    if reference is None:
        return value
    target: Any = config
    for key in reference.group(1).split("."):
        target = target.get(key) if isinstance(target, dict) else None
    if target is None or depth > 8:
        raise ValueError(f"{source}: the reference {value} leads nowhere")
    return _resolve(target, config, source, depth + 1)
