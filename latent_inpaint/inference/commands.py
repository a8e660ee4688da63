"""The commands of `latent-inpaint`, each a function of the parsed options that returns the exit status."""

from __future__ import annotations

import time
from argparse import Namespace

from latent_inpaint.inference.device import chosen_dtype
from latent_inpaint.inference.files import check_output, read_mask, read_picture, write_picture
from latent_inpaint.inference.loading import load
from latent_inpaint.inference.picture import inpaint
from latent_inpaint.models.inpainter import LatentInpainter


def predict(options: Namespace) -> int:
    """Fill the hole of one picture and write it."""
    image = read_picture(options.image)
    mask = read_mask(options.mask)
    check_output(options.output, image.mode)
    model = load(options.model, options.device, options.precision)
    start = time.perf_counter()
    result = inpaint(
        image,
        mask,
        model,
        threshold=options.threshold,
        invert_mask=options.invert_mask,
        resize_mask=options.resize_mask,
        dilate=options.dilate,
    )
    write_picture(result, options.output)
    seconds = time.perf_counter() - start
    print(f"{options.output}: {image.width}×{image.height}, {seconds:.1f} s on {_where(model)}")
    return 0


def info(options: Namespace) -> int:
    """Print what a network is made of."""
    model = load(options.model, options.device, options.precision)
    encoder = model.encoder
    is_alpha = encoder.in_channels == 4
    how = "mask encoder" if model.mask_encoder is not None else "alpha" if is_alpha else "not seen"
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"network     {type(model.refiner).__name__}, {count / 1e6:.2f} M parameters")
    print(f"encoder     widths {encoder.stage_channels}, 1/{encoder.down_factor} of the picture's size")
    print(f"latent      {encoder.latent_channels} channels")
    print(f"mask        {how}")
    print(f"computes    on {_where(model)}")
    return 0


def _where(model: LatentInpainter) -> str:
    return f"{next(model.parameters()).device} in {str(chosen_dtype(model)).removeprefix('torch.')}"
