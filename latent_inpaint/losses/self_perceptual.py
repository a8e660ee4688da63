"""Self-perceptual loss (Lin & Yang, 2024, arXiv 2401.00110): a frozen copy of the denoiser compares."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.models.denoisers.base import Denoiser
from latent_inpaint.models.refiners.denoised import Denoised


def self_perceptual_loss(frozen: Denoiser, denoised: Denoised, t: Tensor, depth: int = -1) -> Tensor:
    """`mean ‖φ(x̂_t') − φ(x_t')‖²`: estimate and truth, each noised again by its own noise, seen by a copy.

    The gradient runs through φ's input. With ε̂ in x̂_t' and t' = t the loss would be 0: draw t' anew.

    Args:
        frozen: copy of the denoiser after its training by the regression, without gradient, in eval mode.
        denoised: what the refiner gave in this step.
        t: times t' of the second noise, `[B]`, independent of the first, on the refiner's path.
        depth: index into `frozen.features`; −1: a U-Net's middle, the best in the paper.

    Returns:
        0-dimensional.

    Raises:
        ValueError: parameters of `frozen` want a gradient, or there is no such depth.

    Example:
        >>> from types import SimpleNamespace
        >>> frozen, zero = torch.nn.Module(), torch.zeros(1, 2, 4, 4)
        >>> frozen.features = lambda z, t, channels: [z]
        >>> denoised = SimpleNamespace(again=lambda t: (zero + 1, zero), channels=None)
        >>> self_perceptual_loss(frozen, denoised, torch.tensor([0.5]))
        tensor(1.)
    """
    if any(parameter.requires_grad for parameter in frozen.parameters()):
        raise ValueError("frozen: the copy that compares must not be trained; set requires_grad_(False)")
    estimate, truth = denoised.again(t)
    with torch.no_grad():
        expected = frozen.features(truth, t, denoised.channels)
    if not -len(expected) <= depth < len(expected):
        raise ValueError(f"depth must be below {len(expected)}, the network's features, got {depth}")
    seen = frozen.features(estimate, t, denoised.channels)
    return functional.mse_loss(seen[depth], expected[depth])
