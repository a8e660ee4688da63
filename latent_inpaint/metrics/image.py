"""Metrics of one picture against its truth, as pure functions of a batch: SSIM, PSNR, L1 in the hole."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

PSNR_LIMIT = 100.0
"""PSNR in dB of a picture equal to its truth (mean squared error 1e-10), where the formula gives infinity."""

_WINDOW = 11
_C1, _C2 = 0.01**2, 0.03**2


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
    if prediction.dtype != torch.float64:  # its variances are small differences
        prediction, target = prediction.float(), target.float()
    x, y = (functional.pad(picture, [_WINDOW // 2] * 4, mode="reflect") for picture in (prediction, target))
    mean_x, mean_y, square_x, square_y, product = map(_smoothed, (x, y, x * x, y * y, x * y))
    means, mean_x, mean_y = mean_x * mean_y, mean_x.square(), mean_y.square()
    variances = (square_x - mean_x).clamp_min(0) + (square_y - mean_y).clamp_min(0)
    luminance = (2 * means + _C1) / (mean_x + mean_y + _C1)
    return (luminance * (2 * (product - means) + _C2) / (variances + _C2)).flatten(1).mean(dim=1)


def _smoothed(x: Tensor) -> Tensor:
    """Gaussian window, σ = 1.5, where it lies inside, by shifted sums: faster than a convolution."""
    weights = torch.exp(-(torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2).square() / (2 * 1.5**2))
    first, *others = (weights / weights.sum()).tolist()
    for dim in (-1, -2):
        length = x.shape[dim] - _WINDOW + 1
        total = first * x.narrow(dim, 0, length)
        for shift, weight in enumerate(others, start=1):
            total.add_(x.narrow(dim, shift, length), alpha=weight)
        x = total
    return x


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
