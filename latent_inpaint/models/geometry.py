"""Sizes and positions: padding to whole latent positions, and what of a latent the hole reaches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def check_shapes(image: Tensor, mask: Tensor) -> None:
    """Raise a ValueError unless image is `[B, 3, H, W]` and mask `[B, 1, H, W]` of the same B, H and W."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"image must have the shape [B, 3, H, W], got {list(image.shape)}")
    expected = [image.shape[0], 1, *image.shape[-2:]]
    if list(mask.shape) != expected:
        raise ValueError(f"mask must have the shape {expected} of its image, got {list(mask.shape)}")


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend `[B, C, H, W]` to the right and bottom by mirroring, to at least two times `multiple`.

    Any size will do, 1×1 included: the mirror repeats. Reflect padding needs two latent positions.
    """
    height, width = (max(2 * multiple, -(-side // multiple) * multiple) for side in x.shape[-2:])
    return mirrored(x, height, width)


def mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """Extend `[B, C, H, W]` to the right and bottom to `height` and `width` by mirroring, repeatedly."""
    for dim, length in ((-2, height), (-1, width)):
        size = x.shape[dim]
        if length != size:
            position = torch.arange(length, device=x.device) % (2 * size)
            x = x.index_select(dim, torch.minimum(position, 2 * size - 1 - position))
    return x


def in_square(predict: Callable[[Tensor, Tensor], Tensor], image: Tensor, mask: Tensor, side: int) -> Tensor:
    """The prediction of a network of one size for pictures of any: reduced to it, or mirrored up to it.

    Args:
        predict: maps `[B, 3, side, side]` and `[B, 1, side, side]` to `[B, 3, side, side]`.
        image: `[B, 3, H, W]` in [0, 1]; where the longer side is longer than `side`, it is reduced to it.
        mask: `[B, 1, H, W]` in {0, 1}; a reduced pixel is hole where any of it is.
        side: in pixels.

    Returns:
        `[B, 3, H, W]` in [0, 1].
    """
    height, width = image.shape[-2:]
    small, small_mask = image, mask
    if max(height, width) > side:
        size = [max(1, round(length * side / max(height, width))) for length in (height, width)]
        small = functional.interpolate(image, size, mode="bilinear", antialias=True)
        small_mask = (functional.interpolate(mask, size, mode="area") > 0).to(mask.dtype)
    prediction = predict(mirrored(small, side, side), mirrored(small_mask, side, side))
    prediction = prediction[..., : small.shape[-2], : small.shape[-1]]
    if small.shape[-2:] != image.shape[-2:]:
        prediction = functional.interpolate(prediction, (height, width), mode="bicubic").clamp(0, 1)
    return prediction


def hole_at_latent(
    hole: Tensor, size: tuple[int, int], receptive_field: int | None, share: bool = False
) -> Tensor:
    """How much of each latent position's receptive field is hole.

    Position (i, j) of an encoder made of stride-2 convolutions with odd kernels sees a window centred at
    pixel (f·i, f·j), f being the down factor. Where the map is 0 the masked picture's latent equals the true
    one, if the encoder is such a one and in eval mode.

    Args:
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole; H and W multiples of the latent's.
        size: height and width of the latent.
        receptive_field: side of the window in pixels, odd; `7 + 2·(2^n − 1)` for LaMa's encoder with n
            halvings: 21 for n = 3. 1 looks at the centre only. None, of an encoder that sees everything: the
            position's own f×f pixels and those of its eight neighbours.
        share: give the share of the window that is hole, in [0, 1], instead of 1 where any of it is.

    Returns:
        `[B, 1, h, w]`.

    Raises:
        ValueError: receptive_field is even or below 1, or the sizes do not fit.

    Example:
        >>> hole_at_latent(torch.ones(1, 1, 32, 32), (4, 4), 21).shape
        torch.Size([1, 1, 4, 4])
    """
    height, width = size
    stride = hole.shape[-2] // height
    if stride < 1 or list(hole.shape[-2:]) != [stride * height, stride * width]:
        raise ValueError(
            f"hole must be a multiple of the latent's size {height}×{width}, got {list(hole.shape[-2:])}"
        )
    if receptive_field is None:
        own = functional.max_pool2d(hole, stride)
        return functional.avg_pool2d(own, 3, 1, 1) if share else functional.max_pool2d(own, 3, 1, 1)
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise ValueError(f"receptive_field must be odd and at least 1, got {receptive_field}")
    padding = receptive_field // 2
    if share:
        return functional.avg_pool2d(hole, receptive_field, stride, padding, count_include_pad=False)
    return functional.max_pool2d(hole, receptive_field, stride, padding)
