"""Features of the decoder, their outliers, and what the LPL's detection keeps (LPL, figure 13)."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.latent_perceptual import inlier_mask
from latent_inpaint.models import LatentInpainter
from latent_inpaint.sheets import sheet, to_uint8
from reproduction.studies.heat import captioned, heat

SHOWN_CHANNELS = 2
KEPT, OUTLIER = (225, 225, 225), (255, 60, 140)


class BlockFeatures(NamedTuple):
    """Features after one up block and the positions that are no outliers, both `[B, C, h, w]`."""

    features: Tensor
    kept: Tensor

    @property
    def outlier_share(self) -> Tensor:
        """Share of each channel's positions that is left out, `[B, C]`."""
        return 1 - self.kept.float().mean(dim=(2, 3))

    def ranked_channels(self) -> Tensor:
        """Channels of each picture, those with the most outliers first, `[B, C]`."""
        return self.outlier_share.argsort(dim=1, descending=True, stable=True)


@torch.inference_mode()
def feature_study(model: LatentInpainter, image: Tensor) -> list[BlockFeatures]:
    """Features of the true latents after each of the decoder's up blocks, with their inlier masks.

    Args:
        model: the network, in eval mode.
        image: `[B, 3, H, W]` in [0, 1], H and W multiples of the network's `down_factor`.
    """
    features = itertools.accumulate(model.decoder.ups, lambda x, block: block(x), initial=model.encode(image))
    next(features)  # the latent itself
    return [BlockFeatures(f, _kept(f, max(1, image.shape[-1] // f.shape[-1]))) for f in features]


def _kept(features: Tensor, down_factor: int) -> Tensor:
    """The inliers; a constant map, of which `inlier_mask` keeps nothing, has no outliers to show."""
    constant = features.amin(dim=(2, 3), keepdim=True) == features.amax(dim=(2, 3), keepdim=True)
    return inlier_mask(features, down_factor) | constant


def feature_numbers(blocks: list[BlockFeatures]) -> list[dict[str, Any]]:
    """JSON values of each block: its shape, shares of outliers, and its most extreme value.

    `outlier_share` is that of all values, `channels_with_outliers` the share of maps that have any,
    `worst_channel` the one with the most on the average, `largest_deviation` the largest distance of a value
    from its channel's mean, in deviations.
    """
    numbers = []
    for block in blocks:
        share, (channels, height, width) = block.outlier_share, block.features.shape[1:]
        deviation, mean = torch.std_mean(block.features, dim=(2, 3), keepdim=True)
        distance = (block.features - mean).abs() / deviation.clamp_min(1e-12)
        worst = int(share.mean(dim=0).argmax())
        numbers.append(
            {
                "channels": channels,
                "height": height,
                "width": width,
                "outlier_share": float(share.mean()),
                "channels_with_outliers": float((share > 0).float().mean()),
                "worst_channel": worst,
                "worst_channel_outlier_share": float(share[:, worst].mean()),
                "largest_deviation": float(distance.max()),
            }
        )
    return numbers


def feature_sheet(image: Tensor, blocks: list[BlockFeatures], shown: int) -> Image.Image:
    """Rows: the first `shown` pictures at each block. Columns: the two channels with the most outliers.

    Each channel is shown over its whole range, then its outliers (pink), then over the range of the rest,
    which can be seen again.

    Args:
        image: `[B, 3, H, W]` in [0, 1].
        blocks: of `feature_study`.
        shown: number of pictures.
    """
    shown = min(shown, len(image))
    rows = [(picture, number) for picture in range(shown) for number in range(len(blocks))]
    columns = {"picture": captioned(to_uint8(image[[p for p, _ in rows]]), [""] * len(rows))}
    for rank in range(SHOWN_CHANNELS):
        cells = [_cells(blocks[number], picture, rank, image.shape[-2:]) for picture, number in rows]
        for title, column in zip(("whole range", "outliers", "range of the rest"), zip(*cells)):
            columns[f"{rank + 1}: {title}"] = np.concatenate(column)
    return sheet(columns, [f"block {number}" for _, number in rows])


def _cells(block: BlockFeatures, picture: int, rank: int, size: tuple[int, ...]) -> list[np.ndarray]:
    channel = int(block.ranked_channels()[picture, min(rank, block.features.shape[1] - 1)])
    values, kept = block.features[picture, channel][None], block.kept[picture, channel][None]
    inside = values[kept] if kept.any() else values.flatten()
    height, width = size
    caption = f"channel {channel}: {float(block.outlier_share[picture, channel]):.1%} out"
    return [
        captioned(heat(values, values.min(), values.max(), (height, width)), [caption]),
        captioned(_outliers(kept, (height, width)), [""]),
        captioned(heat(values, inside.min(), inside.max(), (height, width)), [""]),
    ]


def _outliers(kept: Tensor, size: tuple[int, int]) -> np.ndarray:
    enlarged = functional.interpolate(kept[:, None].float(), size, mode="nearest-exact")[:, 0] > 0
    return np.where(enlarged.cpu().numpy()[..., None], KEPT, OUTLIER).astype(np.uint8)
