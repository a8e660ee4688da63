"""Which of a sampler's clean estimates a perceptual loss counts: those that were made at little noise."""

from __future__ import annotations

from torch import Tensor

from latent_inpaint.models.refiners.base import Refined


def noise_gate(refined: Refined, threshold: float | None) -> Tensor | None:
    """1 for each picture whose estimate was made at a noise of σ/α ≤ τ, else 0, `[B]` (LPL, section 3.2).

    At more noise an estimate is a mean of many pictures, and has no texture that could be right.

    Args:
        refined: what the refiner gave.
        threshold: τ; a flow's time is then at most τ/(1 + τ); None: all count.

    Returns:
        None where all count.

    Raises:
        ValueError: a threshold that is not positive, or one where the refiner is a function.

    Example:
        >>> import torch
        >>> noise_gate(Refined(latent=torch.zeros(2), time=torch.tensor([0.5, 0.9])), 3.0)
        tensor([1., 0.])
    """
    if threshold is None:
        return None
    if not threshold > 0:
        raise ValueError(f"threshold must be positive (or null: no gate), got {threshold}")
    if refined.time is None:
        raise ValueError("threshold: the refiner is a function, its latents have no noise; leave it out")
    return (refined.time <= threshold / (1 + threshold)).float()  # σ/α = t/(1 − t)
