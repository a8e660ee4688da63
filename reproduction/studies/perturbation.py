"""One latent position disturbed: where does the picture change, and by how much? (LPL, figure 12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from latent_inpaint.sheets import sheet, to_uint8
from reproduction.studies.heat import captioned, heat

VISIBLE = 0.01
SHOWN_MAPS = 4
Position = tuple[int, int]


def grid_positions(size: tuple[int, int], per_side: int) -> list[Position]:
    """`per_side`² latent positions, evenly spread over a latent of `size` (h, w), row by row.

    Raises:
        ValueError: per_side is below 1 or above a side.
    """
    if not 1 <= per_side <= min(size):
        raise ValueError(f"per_side must be in 1..{min(size)}, the latent's side, got {per_side}")
    rows, columns = ([int((i + 0.5) * side / per_side) for i in range(per_side)] for side in size)
    return [(row, column) for row in rows for column in columns]


@torch.inference_mode()
def perturbation_maps(
    decode: Callable[[Tensor], Tensor],
    latent: Tensor,
    positions: Sequence[Position],
    draws: int = 4,
    seed: int = 0,
) -> Tensor:
    """Squared change of the picture when noise of half the latent's variance is added at one position.

    Args:
        decode: maps latents `[B, C, h, w]` to pictures `[B, 3, H, W]`.
        latent: `[B, C, h, w]`; each channel's variance is that over pictures and positions.
        positions: (row, column) in the latent.
        draws: noises that the map is the mean over.
        seed: of the noise.

    Returns:
        `[positions, B, H, W]`, means over the picture's channels.

    Raises:
        ValueError: draws below 1, or a position outside the latent.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    height, width = latent.shape[-2:]
    generator = torch.Generator().manual_seed(seed)
    deviation = (latent.var(dim=(0, 2, 3), unbiased=False) / 2).sqrt()
    reference = decode(latent)
    maps = []
    for row, column in positions:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"positions must be inside {height}×{width}, got ({row}, {column})")
        total = torch.zeros_like(reference[:, 0])
        for _ in range(draws):
            disturbed = latent.clone()
            noise = torch.randn(latent.shape[:2], generator=generator).to(latent)
            disturbed[:, :, row, column] += deviation * noise
            total += (decode(disturbed) - reference).square().mean(dim=1)
        maps.append(total / draws)
    return torch.stack(maps)


def perturbation_numbers(maps: Tensor, positions: Sequence[Position], factor: int) -> dict[str, Any]:
    """How strong, how local and how wide the changes are, of each position and on the average.

    Args:
        maps: of `perturbation_maps`, `[positions, B, H, W]`.
        positions: theirs.
        factor: pixels per latent position and axis.

    Returns:
        JSON values; `rms` over the picture, `own_share`: the part of the squared change in the position's own
        `factor`² pixels, `reach`: pixels outside these to the farthest that changes by a tenth of the
        strongest (1 % squared). A position that changes nothing has no `own_share`.
    """
    found = []
    for (row, column), change in zip(positions, maps.double().mean(dim=1)):
        own = change[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor].sum()
        total = change.sum()
        found.append(
            {
                "row": row,
                "column": column,
                "rms": float(change.mean().sqrt()),
                "own_share": float(own / total) if total > 0 else None,
                "reach": _reach(change, row, column, factor),
            }
        )
    shares = [position["own_share"] for position in found if position["own_share"] is not None]
    mean = {
        "rms": float(np.mean([position["rms"] for position in found])),
        "own_share": float(np.mean(shares)) if shares else None,
        "reach": float(np.mean([position["reach"] for position in found])),
    }
    return {"mean": mean, "positions": found}


def perturbation_sheet(image: Tensor, maps: Tensor, per_side: int, shown: int) -> Image.Image:
    """A row for each of the first `shown` pictures: itself, how strong each position is, and four maps.

    All maps of a row share one scale, black being no change; captions give the root mean square.

    Args:
        image: `[B, 3, H, W]` in [0, 1].
        maps: of `perturbation_maps` at `grid_positions`, `[per_side², B, H, W]`.
        per_side: positions along each side.
        shown: number of pictures.
    """
    shown = min(shown, len(image))
    roots = maps[:, :shown].sqrt()
    height, width = image.shape[-2:]
    strength = maps[:, :shown].mean(dim=(2, 3)).sqrt()  # [positions, shown]
    by_position = strength.T.reshape(shown, per_side, per_side)
    strongest = roots.amax(dim=(0, 2, 3))[:, None, None]
    top = by_position.amax(dim=(1, 2), keepdim=True)
    columns = {
        "picture": captioned(to_uint8(image[:shown]), [""] * shown),
        "strength": captioned(
            heat(by_position, 0.0, top, (height, width)), [f"up to {float(t):.4f}" for t in top.flatten()]
        ),
    }
    spread = {round(i * (len(maps) - 1) / (SHOWN_MAPS + 1)) for i in range(1, SHOWN_MAPS + 1)}
    for number, index in enumerate(sorted(spread), start=1):
        pictures = heat(roots[index], 0.0, strongest, (height, width))
        columns[f"change {number}"] = captioned(pictures, [f"rms {float(s):.4f}" for s in strength[index]])
    return sheet(columns)


def _reach(change: Tensor, row: int, column: int, factor: int) -> int:
    rows, columns = (change > VISIBLE * change.max()).nonzero(as_tuple=True)
    if len(rows) == 0:
        return 0
    beyond = [
        (start * factor - places, places - (start + 1) * factor + 1)
        for start, places in ((row, rows), (column, columns))
    ]
    return max(0, *(int(distance.max()) for pair in beyond for distance in pair))
