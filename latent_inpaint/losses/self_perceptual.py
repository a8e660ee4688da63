"""Self-perceptual loss (Lin & Yang, 2024, arXiv 2401.00110): a frozen copy of the denoiser compares."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.models.denoisers.base import Denoiser
from latent_inpaint.models.refiners.denoised import Denoised
from latent_inpaint.paths.noise import sent_to, shared
from latent_inpaint.spaces import Outputs


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


class SelfPerceptual(LossTerm):
    """`self_perceptual_loss` by a copy of the denoiser, taken when the stage begins.

    The stage says so: `copies: {losses.NAME.judge: refiner.denoiser}`; before that the copy is worthless. The
    second times are uniform (the best in the paper), drawn from the step's generator after everything else.

    Args:
        judge: a denoiser built as the refiner's; it is frozen here.
        weight: factor of the term in the objective.
        depth: see `self_perceptual_loss`.
    """

    begins_as = ("judge",)

    def __init__(self, judge: Denoiser, weight: float = 1.0, depth: int = -1) -> None:
        super().__init__(weight)
        self.judge = judge.requires_grad_(False).eval()
        self.depth = depth

    def train(self, mode: bool = True) -> SelfPerceptual:
        """The copy stays in eval mode."""
        super().train(mode)
        self.judge.eval()
        return self

    def forward(self, outputs: Outputs) -> Tensor:
        """The loss of `outputs.refined`.

        Raises:
            ValueError: the refiner is no flow and no diffusion, or there is no such depth.
        """
        refined, generator = outputs.refined, outputs.generator
        if not isinstance(refined, Denoised) or generator is None:
            raise ValueError("refiner: the self-perceptual loss noises again; it needs a flow or a diffusion")
        target = outputs.target_latent
        t = shared(generator, len(target), lambda n: torch.rand(n, generator=generator))
        return self_perceptual_loss(self.judge, refined, sent_to(target, t), self.depth)
