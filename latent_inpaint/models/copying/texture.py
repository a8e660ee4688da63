"""Texture copied from the known region, from coarse to fine, guided by a smooth fill.

The scheme of scales and votes is that of Wexler et al. (2007, Space-time completion of video) with
PatchMatch's search; that the strength of texture, measured at full size, has a term of its own is from
Newson et al. (2014, Video inpainting of complex scenes, section 3.3): without it smooth patches win. What is
ours: the smooth fill, by a network, says at every scale which colours belong where.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.models.copying.field import PatchField, is_deeper
from latent_inpaint.models.membrane import push_pull

RADIUS, FINE_RADIUS = 3, 2
"""Patches span 7 positions, at full size 5: what is laid out by then needs less to be recognised."""
SMALLEST_SIDE = 84
"""A scale is halved if its shorter side is at least twelve patches long."""
LARGEST = 2**20
"""Positions of a scale at which copying is worth its time: more are filled reduced."""
_BLUR, _TEXTURE_WINDOW, _MANY = 2, 8, 2**15


class CopyingWarning(UserWarning):
    """Nothing could be copied, or only at a reduced size."""


def copy_texture(
    image: Tensor,
    hole: Tensor,
    estimate: Tensor,
    generator: torch.Generator,
    colour: float = 0.25,
    texture: float = 2.0,
    largest: float = LARGEST,
) -> Tensor:
    """The hole put together from patches of the known region, where the estimate has like colours.

    Args:
        image: `[3, H, W]` in [0, 1]; what is inside the hole does not matter.
        hole: bool `[H, W]`, True = hole.
        estimate: a complete picture, `[3, H, W]` in [0, 1], known pixels as in the image: the guide.
        generator: source of random numbers, on the CPU.
        colour: weight of the squared difference to the estimate's colours, blurred.
        texture: weight of the squared difference to the strength of texture around, extended into the hole.
        largest: positions of a scale in which patches are looked for, at most; each takes some 2,400 bytes.

    Returns:
        `[3, H, W]` in [0, 1], known pixels bit for bit as in the image. Where no patch is known all of the
        estimate, with a `CopyingWarning`.

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(16).expand(3, 32, 32)
        >>> hole = torch.zeros(32, 32, dtype=torch.bool)
        >>> hole[12:20, 12:20] = True
        >>> grey = torch.where(hole, 0.5, stripes)
        >>> filled = copy_texture(grey, hole, grey, torch.Generator().manual_seed(0))
        >>> bool((filled - stripes).abs().max() < 0.1)
        True
    """
    if not hole.any():
        return image
    scales = _scales(torch.where(hole, 0, image), hole, torch.where(hole, estimate, image))
    strength = texture_strength(image, hole)
    field, filled = None, scales[-1][2]
    for level in range(len(scales) - 1, -1, -1):
        picture, missing, guess = scales[level]
        if missing.numel() > largest:
            break
        there = functional.adaptive_avg_pool2d(strength, (missing.shape[0], missing.shape[1]))
        guide = torch.cat([_blurred(guess) * (colour / 3) ** 0.5, there * (texture / 2) ** 0.5])
        finer = PatchField(picture, missing, RADIUS if level else FINE_RADIUS, guide)
        if not finer.has_sources:
            break
        if field is None:
            finer.start(generator)
            filled = guess
        else:
            finer.start_from(field, generator)
            filled = finer.vote(1, finer.radius)
        filled = _improved(finer, filled, level, len(scales) - 1 - level, generator)
        field = finer
    if field is None:
        warnings.warn("copying: no known patch to copy; the smooth fill stays", CopyingWarning, stacklevel=2)
        filled = estimate
    elif filled.shape != image.shape:
        warnings.warn(
            f"copying: a crop of {hole.shape[1]}×{hole.shape[0]} pixels is filled at "
            f"{filled.shape[2]}×{filled.shape[1]}; smaller holes keep their sharpness",
            CopyingWarning,
            stacklevel=2,
        )
        filled = functional.interpolate(filled[None], hole.shape, mode="bicubic", align_corners=False)[0]
    return torch.where(hole, filled.clamp(0, 1), image)


def _improved(
    field: PatchField, filled: Tensor, level: int, above: int, generator: torch.Generator
) -> Tensor:
    """Search and vote in turns: six rounds at the coarsest scale, two fewer at each finer one, at least two.

    At full size, and where there is much to do (then once), what comes from a coarser scale is moved about a
    little only. Where one scale is all, the hole is thin, and three rounds do. The last vote is a sharp one.
    """
    whole = max(field.height, field.width)
    many = len(field.targets) > _MANY
    settled = above > 0 and (level == 0 or many)
    sweeps: list[tuple[int, ...]]
    if settled:
        rounds, sweeps = (1 if many else 2), [(1,)]
    elif level == 0:
        rounds, sweeps = 3, [(4, 1), (1,)]
    else:
        rounds, sweeps = max(2, 6 - 2 * above), [(8, 4, 2, 1), (1,), (1,)]
    for number in range(rounds):
        near = settled or (above > 0 and number > 0)
        field.search(filled, sweeps, 8 if near else whole, generator)
        last = level == 0 and number == rounds - 1
        filled = field.vote(30, 1) if last else field.vote(1, field.radius)
    return filled


def texture_strength(image: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute differences of brightness along rows and columns, `[2, H, W]`.

    Over windows of 17 pixels, known ones alone; in the hole the rim's extended smoothly.

    Args:
        image: `[3, H, W]` in [0, 1].
        hole: bool `[H, W]`, True = hole.

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(3, 16, 16)
        >>> texture_strength(stripes, torch.zeros(16, 16, dtype=torch.bool))[:, 8, 8].tolist()
        [1.0, 0.0]
    """
    grey, known = image.mean(dim=0), (~hole).to(image.dtype)
    across, down = known[:, 1:] * known[:, :-1], known[1:] * known[:-1]
    right, below = (0, 1, 0, 0), (0, 0, 0, 1)
    sums = torch.stack(
        [
            functional.pad((grey[:, 1:] - grey[:, :-1]).abs() * across, right),
            functional.pad((grey[1:] - grey[:-1]).abs() * down, below),
            functional.pad(across, right),
            functional.pad(down, below),
        ]
    )
    window = 2 * _TEXTURE_WINDOW + 1
    sums = functional.avg_pool2d(sums[None], (window, 1), 1, (_TEXTURE_WINDOW, 0))
    sums = functional.avg_pool2d(sums, (1, window), 1, (0, _TEXTURE_WINDOW))[0]
    return push_pull((sums[:2] / sums[2:].clamp_min(1e-6))[None], known[None, None])[0]


def _scales(picture: Tensor, hole: Tensor, guess: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Picture (0 in the hole), hole and guess at full size, at half of it, and so on, as far as is of use."""
    scales = [(picture, hole, guess)]
    while min(hole.shape) >= SMALLEST_SIDE and is_deeper(hole, RADIUS):
        picture, hole = halved(picture, hole)
        if hole.float().mean() > 0.95:
            break
        guess = functional.avg_pool2d(guess[None], 2, ceil_mode=True)[0]
        scales.append((picture, hole, guess))
    return scales


def halved(picture: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Half the size: means of the known positions; hole where more than half of them are missing.

    Args:
        picture: `[3, H, W]`; what is inside the hole does not matter.
        hole: bool `[H, W]`, True = hole.

    Returns:
        `[3, ⌈H/2⌉, ⌈W/2⌉]`, 0 in the hole, and the hole.
    """
    known = (~hole).to(picture.dtype)
    sums = functional.avg_pool2d(torch.cat([picture * known, known[None]])[None], 2, ceil_mode=True)[0]
    hole = sums[3] < 0.5
    return torch.where(hole, 0, sums[:3] / sums[3:].clamp_min(1e-6)), hole


def _blurred(picture: Tensor) -> Tensor:
    """Twice the mean over 5×5 positions."""
    side = 2 * _BLUR + 1
    padded = functional.pad(picture[None], (2 * _BLUR,) * 4, mode="replicate")
    return functional.avg_pool2d(functional.avg_pool2d(padded, side, 1), side, 1)[0]
