"""`latent_inpaint.inpaint`: a picture and its hole in, the repaired picture out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from latent_inpaint.inference.fill import FillOptions
from latent_inpaint.inference.loading import default_model
from latent_inpaint.inference.mask import THRESHOLD, check_mask_options
from latent_inpaint.inference.memory import budget_for
from latent_inpaint.inference.pipeline import Pipeline, load
from latent_inpaint.inference.progress import Progress
from latent_inpaint.inference.refinement import RefinementOptions
from latent_inpaint.inference.several import check_counts
from latent_inpaint.models.inpainter import Inpainter


def inpaint(
    image: Any,
    mask: Any,
    model: Pipeline | Inpainter | str | Path | None = None,
    samples: int = 1,
    seed: int = 0,
    steps: int | None = None,
    *,
    threshold: float = THRESHOLD,
    invert_mask: bool = False,
    resize_mask: bool = False,
    dilate: int = 0,
    region_of_interest: bool = True,
    context: int | None = None,
    feather: int | None = None,
    membrane: bool | None = None,
    refine: bool | RefinementOptions | None = None,
    memory_budget: int | float | str | None = None,
    precision: str | None = None,
    progress: bool | Progress = False,
    choose: str | None = None,
    composite: bool = True,
) -> Any:
    """Repair the hole of a picture; every known pixel comes back bit for bit.

    Args:
        image: numpy `[H, W]` or `[H, W, C]` (uint8, uint16, float in [0, 1]), a PIL image, or torch `[H,
            W]` or `[C, H, W]`; any size; grey or RGB, with or without alpha. Or several: a list of them,
            numpy `[B, H, W, C]`, torch `[B, C, H, W]`. PIL images, masks too, are turned upright first where
            their EXIF says that they lie.
        mask: the hole, of the (upright) picture's height and width: True, 128 or more of 255, or > 0.5
            marks a pixel to be invented; see `latent_inpaint.pictures.masks`. For several pictures as many
            masks.
        model: what `load` returns or takes, or any inpainter; None is the network in the package.
        samples: fills to draw, of a model that draws (`model.multiple`); above 1, a list of them is returned.
        seed: sample i of a picture depends on it and on i alone, not on what else is repaired or where.
        steps: network calls of a sampler; None is the sampler's own number.
        threshold: 128 understands masks of all kinds, see `latent_inpaint.pictures.masks`; other values are
            the least brightness, of 255, that marks the hole.
        invert_mask: the mask marks what is known instead.
        resize_mask: accept a mask of another size and scale it.
        dilate: pixels by which the hole is grown first.
        region_of_interest: fill each group of holes from a crop around it, not from the whole picture.
        context: known pixels around a group; None is a fifth of its longer side, 64 to 128.
        feather: pixels over which a prediction is bent towards the known pixels at the hole's edge. None: the
            membrane where a crop is pasted, 0 for whole pictures, 8 where a crop is refined.
        membrane: extend the error on the known pixels smoothly into the hole and take it away there, in
            place of the feathered seam: shades and tints fit their surroundings. None: where a crop is
            pasted, no feather is given, and the budget allows for 100 bytes more a pixel.
        refine: optimise the latent so that large holes keep their structure (slow): True, or
            `latent_inpaint.inference.refinement.RefinementOptions`; None only where memory forces
            a reduced size.
        memory_budget: bytes for the network's activations, such as `"1.5GiB"`; larger holes are filled at a
            reduced size first. None is 80 % of the free memory.
        precision: `float32` or `bfloat16`; None is what `load` chose.
        progress: show a progress bar, or a function called with (stage, done, total).
        choose: `best`: of the samples only the one with the least seam, and least strange to its autoencoder.
        composite: False takes the model's picture as it is, known pixels included: for a model that was
            trained to change them, to take an object's shadow away (`experiment=removal`).

    Returns:
        The same kind, size and type as `image`; PIL images upright, with an EXIF that says so. With `samples`
        above 1 a list of that many.

    Raises:
        TypeError: an image or mask of another kind.
        ValueError: sizes that differ, or shapes, types or options that are not accepted, or that the model
            has no use for.
        MemoryError: there is not enough memory; the message says which setting to try.
    """
    model = default_model(refine) if model is None else model
    pipeline = model if isinstance(model, Pipeline) else _pipeline_of(model)
    return pipeline.inpaint(
        image,
        mask,
        samples,
        seed,
        steps,
        threshold=threshold,
        invert_mask=invert_mask,
        resize_mask=resize_mask,
        dilate=dilate,
        region_of_interest=region_of_interest,
        context=context,
        feather=feather,
        membrane=membrane,
        refine=refine,
        memory_budget=memory_budget,
        precision=precision,
        progress=progress,
        choose=choose,
        composite=composite,
    )


def check_options(
    *,
    threshold: float = THRESHOLD,
    dilate: int = 0,
    context: int | None = None,
    feather: int | None = None,
    memory_budget: int | float | str | None = None,
    samples: int = 1,
    steps: int | None = None,
) -> None:
    """Whether `inpaint` takes these options: said before a network is loaded.

    Raises:
        ValueError: one is out of its range.
    """
    check_mask_options(threshold, dilate)
    check_counts(samples, steps)
    FillOptions(context=context, feather=feather, budget=budget_for(torch.device("cpu"), memory_budget))


def _pipeline_of(model: Inpainter | str | Path) -> Pipeline:
    return _load_once(model) if isinstance(model, (str, Path)) else Pipeline(model)


@lru_cache(maxsize=1)
def _load_once(source: str | Path) -> Pipeline:
    return load(source)
