"""Latents made smaller and larger again: does their error tell what one sees? (LPL, figure 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from latent_inpaint.metrics.image import psnr, ssim
from latent_inpaint.models import LatentInpainter
from latent_inpaint.sheets import sheet, to_uint8
from reproduction.studies.heat import captioned

METHODS = ("nearest", "bilinear", "bicubic")


class Resampled(NamedTuple):
    """One method at one scale; quality is that of each decoded picture against the whole latent's, `[B]`.

    Attributes:
        method: one of `METHODS`.
        scale: of the smaller latent.
        latent_mse: mean squared error of the latent, divided by the mean variance of its channels.
        decoded_psnr: in dB; 100 for equal pictures.
        decoded_ssim: structural similarity.
        decoded_pd_lite0: distance of EfficientNet-Lite0's features.
    """

    method: str
    scale: float
    latent_mse: Tensor
    decoded_psnr: Tensor
    decoded_ssim: Tensor
    decoded_pd_lite0: Tensor

    def means(self) -> dict[str, str | float]:
        """All fields as JSON values, means over the pictures."""
        fields = self._asdict().items()
        return {name: float(value.mean()) if isinstance(value, Tensor) else value for name, value in fields}


def resample(latent: Tensor, scale: float, method: str) -> Tensor:
    """`[B, C, h, w]` brought to `scale` times its size, at least one position, and back by the same method.

    No low-pass filter comes first, as in the paper.

    Raises:
        ValueError: scale is not positive, or an unknown method.
    """
    if scale <= 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    size = latent.shape[-2:]
    smaller = [max(1, round(side * scale)) for side in size]
    mode = "nearest-exact" if method == "nearest" else method
    return functional.interpolate(functional.interpolate(latent, smaller, mode=mode), size, mode=mode)


@torch.inference_mode()
def interpolation_study(
    model: LatentInpainter, image: Tensor, scales: Sequence[float], methods: Sequence[str] = METHODS
) -> tuple[list[Resampled], Tensor]:
    """Error of resampled latents, and the quality of what the decoder makes of them.

    Args:
        model: the network, in eval mode.
        image: `[B, 3, H, W]` in [0, 1], H and W multiples of the network's `down_factor`, at least 11.
        scales: of the smaller latents.
        methods: some of `METHODS`.

    Returns:
        One row for each method and scale, in this order, and the decoded pictures `[rows, B, 3, H, W]`.
    """
    from latent_inpaint.metrics.perceptual import lite0_perceptual_distance
    from latent_inpaint.models.backbones import Lite0Features

    network = Lite0Features()
    latent = model.encode(image)
    reference = model.decode(latent)
    features, variance = network(reference), latent.var(dim=(0, 2, 3), unbiased=False).mean()
    rows, pictures = [], []
    for method in methods:
        for scale in scales:
            resampled = resample(latent, scale, method)
            decoded = model.decode(resampled)
            values = [
                (resampled - latent).square().mean(dim=(1, 2, 3)) / variance,
                psnr(decoded, reference),
                ssim(decoded, reference),
                lite0_perceptual_distance(network(decoded), features),
            ]
            rows.append(Resampled(method, float(scale), *values))
            pictures.append(decoded)
    return rows, torch.stack(pictures)


def interpolation_sheet(image: Tensor, rows: Sequence[Resampled], decoded: Tensor, shown: int) -> Image.Image:
    """A row for each method and each of the first `shown` pictures, a column a scale.

    Args:
        image: the pictures, `[B, 3, H, W]` in [0, 1].
        rows: of `interpolation_study`.
        decoded: its pictures, `[rows, B, 3, H, W]`.
        shown: number of pictures.
    """
    methods = list(dict.fromkeys(row.method for row in rows))
    scales = list(dict.fromkeys(row.scale for row in rows))
    shown = min(shown, len(image))
    names = [method for method in methods for _ in range(shown)]
    first = image[:shown].repeat(len(methods), 1, 1, 1)
    columns = {"picture": captioned(to_uint8(first), [""] * len(names))}
    for scale in scales:
        chosen = [index for index, row in enumerate(rows) if row.scale == scale]
        captions = [_caption(rows[index], picture) for index in chosen for picture in range(shown)]
        columns[f"scale {scale:g}"] = captioned(to_uint8(decoded[chosen, :shown].flatten(0, 1)), captions)
    return sheet(columns, names)


def _caption(row: Resampled, picture: int) -> str:
    return f"latent {row.latent_mse[picture]:.2f} · PD {row.decoded_pd_lite0[picture]:.3f}"
