"""Seams: a prediction is bent towards the known pixels at the edge of the hole."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def feather_seam(image: Tensor, hole: Tensor, prediction: Tensor, feather: int) -> Tensor:
    """The prediction with its error at the hole's edge carried into the hole, where it fades out.

    On known pixels the error `x − x̂` is known. Its normalised Gaussian average continues it into the hole;
    the share of known pixels under the Gaussian, ½ at a straight edge and 0 deep inside, doubled, is how
    much of it is added.

    Args:
        image: `[3, h, w]` in [0, 1].
        hole: bool `[h, w]`, all that is unknown.
        prediction: `[3, h, w]` in [0, 1].
        feather: pixels over which the correction fades; 0 returns the prediction as it is, more than the
            crop's longer side counts as that.
    """
    if feather == 0:
        return prediction
    known = (~hole).to(prediction.dtype)[None]
    error = (image - prediction) * known
    radius = min(feather, max(hole.shape))
    averages = _gaussian_blur(torch.cat([error, known, torch.ones_like(known)]), radius)
    error, share = averages[:3] / averages[4:], averages[3:4] / averages[4:]
    return (prediction + error / share.clamp(min=0.5)).clamp(0, 1)


def _gaussian_blur(x: Tensor, radius: int) -> Tensor:
    """Separable blur of `[C, h, w]`, σ = radius / 2, cut at `radius` pixels; zeros beyond the edge."""
    positions = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-2 * (positions / radius) ** 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[0], 1, 1, -1)
    x = functional.conv2d(x[None], kernel, padding=(0, radius), groups=x.shape[0])
    return functional.conv2d(x, kernel.transpose(2, 3), padding=(radius, 0), groups=x.shape[1])[0]
