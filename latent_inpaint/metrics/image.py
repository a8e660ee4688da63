"""Metrics of one picture against its truth, as pure functions of a batch: SSIM, PSNR, L1 in the hole."""

from collections.abc import Sequence

import torch
from torch import Tensor

PSNR_LIMIT = 100.0
"""PSNR in dB of a picture equal to its truth (mean squared error 1e-10), where the formula gives infinity."""


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the structural similarity `[B]` (Wang et al., 2004): 11×11 Gaussian window, data range 1.

    Args:
        prediction: `[B, 3, H, W]` in [0, 1], H and W at least 11.
        target: `[B, 3, H, W]` in [0, 1].

    Example:
        >>> picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> ssim(picture, picture)
        tensor([1.])
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    if prediction.dtype != torch.float64:  # its variances are small differences
        prediction, target = prediction.float(), target.float()
    with torch.autocast(prediction.device.type, enabled=False):
        value = structural_similarity_index_measure(prediction, target, data_range=1.0, reduction="none")
    assert isinstance(value, Tensor)  # a tuple only when the full map is asked for
    return value.reshape(-1)


def psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio `[B]` in dB over the whole picture, at most `PSNR_LIMIT`.

    Args:
        prediction: `[B, 3, H, W]` in [0, 1].
        target: `[B, 3, H, W]` in [0, 1].

    Example:
        >>> psnr(torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.5))  # −20 log10(0.1)
        tensor([20.0000])
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio

    value = peak_signal_noise_ratio(prediction, target, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return value.clamp(max=PSNR_LIMIT)


def l1_hole(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean absolute difference `[B]` over the hole's pixels and channels; NaN without a hole.

    Args:
        prediction: `[B, 3, H, W]` in [0, 1].
        target: `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]`, 1 = hole.

    Example:
        >>> mask = torch.zeros(1, 1, 4, 4)
        >>> mask[..., :2] = 1
        >>> l1_hole(mask.expand(1, 3, 4, 4) * 0.25, torch.zeros(1, 3, 4, 4), mask)
        tensor([0.2500])
    """
    difference = ((prediction - target).abs() * mask).double().sum(dim=(1, 2, 3))
    return (difference / (prediction.shape[1] * mask.double().sum(dim=(1, 2, 3)))).to(prediction.dtype)


def batch_metrics(prediction: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return the cheap metrics for validation during training: `ssim`, `psnr`, `l1_hole`, scalar batch means.

    `l1_hole` leaves out pictures without a hole and is NaN if the batch has none.

    Args:
        prediction: the composite, `[B, 3, H, W]` in [0, 1].
        target: `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]`, 1 = hole.

    Example:
        >>> truth, mask = torch.full((2, 3, 16, 16), 0.5), torch.ones(2, 1, 16, 16)
        >>> {name: round(float(value), 4) for name, value in batch_metrics(truth + 0.1, truth, mask).items()}
        {'ssim': 0.9836, 'psnr': 20.0, 'l1_hole': 0.1}
    """
    return {
        "ssim": ssim(prediction, target).mean(),
        "psnr": psnr(prediction, target).mean(),
        "l1_hole": torch.nanmean(l1_hole(prediction, target, mask)),
    }


def check_batch(composite: Tensor, target: Tensor, mask: Tensor, names: Sequence[str]) -> None:
    """Check a batch of composites and truths `[B, 3, H, W]`, masks `[B, 1, H, W]` and B names.

    Raises:
        ValueError: shapes do not fit, or a composite has NaN or infinite pixels.

    Example:
        >>> pictures = torch.rand(2, 3, 8, 8)
        >>> check_batch(pictures, pictures, torch.ones(2, 1, 8, 8), ["a.png"])
        Traceback (most recent call last):
        ValueError: names: expected 2, got 1
    """
    count, _, height, width = target.shape
    for name, value, shape in (
        ("composite", composite, (count, 3, height, width)),
        ("target", target, (count, 3, height, width)),
        ("mask", mask, (count, 1, height, width)),
    ):
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected shape {list(shape)}, got {list(value.shape)}")
    if len(names) != count:
        raise ValueError(f"names: expected {count}, got {len(names)}")
    for name, picture in zip(names, composite):
        if not torch.isfinite(picture).all():
            raise ValueError(f"composite: expected finite pixels, got NaN or infinity in {name}")
