"""The studies of `bin/visualize.py`, from options to files: one function a subcommand, of its name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import latent_inpaint
from latent_inpaint.files import write_json
from latent_inpaint.models import LatentInpainter
from reproduction.studies.examples import examples, pictures
from reproduction.studies.features import feature_numbers, feature_sheet, feature_study
from reproduction.studies.interpolation import interpolation_sheet, interpolation_study
from reproduction.studies.latent import damage_sheet
from reproduction.studies.perturbation import (
    grid_positions,
    perturbation_maps,
    perturbation_numbers,
    perturbation_sheet,
)


def latent(options: argparse.Namespace) -> None:
    """Equation 4.1, and its energy outside the hole."""
    model = _model(options)
    image, mask = examples(options.image, options.mask, options.size, options.seed)
    picture, energy = damage_sheet(model, image, mask)
    print("Relative energy of the latent difference outside the hole: ", end="")
    print(", ".join(f"{name} {value:.4f}" for name, value in energy.items()))
    _write(options, picture, {"energy_outside_the_hole": energy})


def interpolation(options: argparse.Namespace) -> None:
    """Figure 11 of the LPL paper."""
    model, image = _inputs(options)
    rows, decoded = interpolation_study(model, image, options.scales)
    numbers = {"rows": [row.means() for row in rows]}
    print("method    scale  latent MSE  PSNR, SSIM and PD-lite0 of the decoded")
    for row in numbers["rows"]:
        print("{:8s}  {:5.2f}  {:10.4f}  {:5.1f}  {:.4f}  {:.4f}".format(*row.values()))
    _write(options, interpolation_sheet(image, rows, decoded, options.shown), numbers, image)


def perturbation(options: argparse.Namespace) -> None:
    """Figure 12 of the LPL paper."""
    model, image = _inputs(options)
    with torch.inference_mode():
        target = model.encode(image)
    positions = grid_positions((target.shape[-2], target.shape[-1]), options.grid)
    maps = perturbation_maps(model.decode, target, positions, options.draws, options.seed)
    numbers = perturbation_numbers(maps, positions, model.down_factor)
    print("Mean over positions: ", end="")
    print(", ".join(f"{name} {value:.4g}" for name, value in numbers["mean"].items() if value is not None))
    _write(options, perturbation_sheet(image, maps, options.grid, options.shown), numbers, image)


def features(options: argparse.Namespace) -> None:
    """Figure 13 of the LPL paper."""
    model, image = _inputs(options)
    blocks = feature_study(model, image)
    numbers = feature_numbers(blocks)
    for index, block in enumerate(numbers):
        print(
            f"block {index}: {block['channels']} channels of {block['height']}×{block['width']}; "
            f"outliers: {block['outlier_share']:.2%} of the values, in "
            f"{block['channels_with_outliers']:.1%} of the maps; "
            f"largest deviation {block['largest_deviation']:.1f}"
        )
    _write(options, feature_sheet(image, blocks, options.shown), {"blocks": numbers}, image)


def _model(options: argparse.Namespace) -> LatentInpainter:
    model = latent_inpaint.load(options.model, device="cpu", precision="float32").model
    if options.size < 1 or options.size % model.down_factor:
        raise ValueError(f"--size must be a multiple of {model.down_factor}, got {options.size}")
    return model


def _inputs(options: argparse.Namespace) -> tuple[LatentInpainter, Tensor]:
    if options.shown < 1:
        raise ValueError(f"--shown must be at least 1, got {options.shown}")
    return _model(options), pictures(options.image, options.size, options.count)


def _write(
    options: argparse.Namespace, picture: Image.Image, numbers: Mapping[str, Any], image: Tensor | None = None
) -> None:
    """The picture, and the numbers beside it; with `image` also of how many pictures of which size."""
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(output)
    measured = {} if image is None else {"images": len(image), "size": image.shape[-1]}
    write_json(output.with_suffix(".json"), {**numbers, **measured, "model": str(options.model)})
    print(f"Written: {output}")
