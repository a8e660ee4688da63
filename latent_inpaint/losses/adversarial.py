"""Non-saturating adversarial loss with R1; only the hole is fake (LaMa, Suvorov et al., 2022, section 2.3).

The same functions serve pictures and latents: nothing here knows what the discriminator sees.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from latent_inpaint.losses.base import LossTerm, at_least_float32, check_same_shape, non_negative
from latent_inpaint.losses.feature_matching import feature_matching_loss
from latent_inpaint.spaces import Outputs, Seen, Space


def generator_loss(fake_logits: Tensor) -> Tensor:
    """`mean softplus(−D(x̂))` over all patches, in and outside the hole.

    Args:
        fake_logits: the discriminator's logits of the generator's output, any shape, positive = real.

    Example:
        >>> round(generator_loss(torch.zeros(1, 1, 4, 4)).item(), 4)  # undecided: log 2
        0.6931
    """
    return functional.softplus(-at_least_float32(fake_logits)).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, hole: Tensor) -> Tensor:
    """`mean [softplus(−D(x)) + m↓·softplus(D(x̂)) + (1 − m↓)·softplus(−D(x̂))]`: only the hole counts as
    fake.

    The R1 penalty is not in it: see `r1_penalty`.

    Args:
        real_logits: logits of true pictures, `[B, L, h, w]`, positive = real; LaMa: L = 1.
        fake_logits: logits of generated pictures, `[B, L, h, w]`.
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole, of any size; the logits' is reached by nearest neighbour.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> real, fake = torch.full((1, 1, 2, 2), 9.0), torch.full((1, 1, 2, 2), -9.0)
        >>> hole = torch.ones(1, 1, 16, 16)
        >>> [round(discriminator_loss(real, fake, m).item(), 3) for m in (hole, 0 * hole)]
        [0.0, 9.0]
    """
    check_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    if hole.ndim != 4 or hole.shape[:2] != (fake_logits.shape[0], 1):
        raise ValueError(
            f"hole must have the shape [{fake_logits.shape[0]}, 1, H, W], got {list(hole.shape)}"
        )
    real, fake = at_least_float32(real_logits), at_least_float32(fake_logits)
    is_fake = functional.interpolate(hole, size=fake.shape[-2:], mode="nearest").to(fake.dtype)
    on_fake = is_fake * functional.softplus(fake) + (1 - is_fake) * functional.softplus(-fake)
    return (functional.softplus(-real) + on_fake).mean()


def r1_penalty(real_logits: Tensor, *real_images: Tensor) -> Tensor:
    """`mean_b ‖∇ₓ ΣD(x)‖²`, no ½ in front (Mescheder et al., 2018); differentiable.

    Args:
        real_logits: logits computed from `real_images` with gradients on, `[B, 1, h, w]`.
        real_images: what the discriminator saw, `[B, C, H, W]` each, with `requires_grad` set before.

    Raises:
        ValueError: `real_images` do not require gradients, or there are none.

    Example:
        >>> x = torch.ones(2, 3, 4, 4, requires_grad=True)
        >>> r1_penalty(0.5 * x.sum(dim=1, keepdim=True), x).item()  # 48 numbers, each of slope 0.5
        12.0
    """
    if not real_images or not all(seen.requires_grad for seen in real_images):
        raise ValueError("real_images must require gradients before the discriminator sees them, got none")
    gradients = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    squares = [at_least_float32(gradient).square().flatten(1).sum(1).mean() for gradient in gradients]
    return torch.stack(squares).sum()


class Adversary(nn.Module):
    """A discriminator in a space: terms of the network's objective, and an objective of its own.

    LaMa: `Pixels`, weight 10, feature_matching 100, r1_weight 0.001.

    Args:
        space: what the discriminator sees.
        discriminator: maps that to logits `[B, L, h, w]`, positive = real, and a list of features.
        optimizer: makes the discriminator's optimizer from its parameters.
        weight: of `generator_loss` in the network's objective, at least 0.
        feature_matching: weight of `feature_matching_loss` there, at least 0.
        r1_weight: weight of `r1_penalty` in the discriminator's objective, at least 0; 0 spares its second
            backward pass.
        r1_every: steps from one penalty to the next (lazy R1, StyleGAN2); it then counts so many times.
        only_hole: only the hole counts as fake (LaMa); else all of the network's work does, as where the
            logit is of the whole picture.

    Raises:
        ValueError: a weight is negative or not finite, both of the network's are 0, or r1_every is below 1.
    """

    every = 1

    def __init__(
        self,
        space: Space,
        discriminator: nn.Module,
        optimizer: Callable[..., Optimizer],
        weight: float = 1.0,
        feature_matching: float = 0.0,
        r1_weight: float = 0.0,
        r1_every: int = 1,
        only_hole: bool = True,
    ) -> None:
        super().__init__()
        self.only_hole = only_hole
        self.space = space
        self.discriminator = discriminator
        self.optimizer = optimizer
        self.terms: dict[str, LossTerm] = {
            "generator": GeneratorTerm(self, non_negative("weight", weight)),
            "feature_matching": FeatureMatching(self, non_negative("feature_matching", feature_matching)),
        }
        if not any(term.weight for term in self.terms.values()):
            raise ValueError("weight and feature_matching must not both be 0")
        self.discriminator_terms: dict[str, LossTerm] = {
            "discriminator": DiscriminatorTerm(self),
            "r1": R1(self, non_negative("r1_weight", r1_weight), r1_every),
        }

    def judged_fake(self, outputs: Outputs) -> tuple[Tensor, list[Tensor]]:
        """Logits and features of the network's work, with gradients to it."""
        return outputs.kept((id(self), "fake"), lambda: self.discriminator(*outputs.fake(self.space)))

    @torch.no_grad()
    def real_features(self, outputs: Outputs) -> list[Tensor]:
        """Features of the truth."""
        return self.discriminator(*outputs.real(self.space))[1]

    def judged_real(self, outputs: Outputs) -> tuple[Seen, Tensor]:
        """In the discriminator's turn: the truth, whose gradient R1 asks for, and its logits."""

        def judge() -> tuple[Seen, Tensor]:
            seen = tuple(x.detach().requires_grad_(self.discriminator_terms["r1"].weight > 0) for x in real)
            return seen, self.discriminator(*seen)[0]

        real = outputs.real(self.space)
        return outputs.kept((id(self), "real"), judge)


class _AdversaryTerm(LossTerm):
    """A term that asks an adversary, which holds the networks: it is no submodule here."""

    def __init__(self, adversary: Adversary, weight: float = 1.0, every: int = 1) -> None:
        super().__init__(weight, every)
        self._adversary = (adversary,)

    @property
    def adversary(self) -> Adversary:
        """Whose term it is."""
        return self._adversary[0]


class GeneratorTerm(_AdversaryTerm):
    """`generator_loss` of what the discriminator says of the network's work."""

    def forward(self, outputs: Outputs) -> Tensor:
        """How far the logits are from "real"; gradients flow to the network."""
        return generator_loss(self.adversary.judged_fake(outputs)[0])


class FeatureMatching(_AdversaryTerm):
    """`feature_matching_loss` of the discriminator's features."""

    def forward(self, outputs: Outputs) -> Tensor:
        """Distance of the features of the network's work from those of the truth."""
        fake = self.adversary.judged_fake(outputs)[1]
        return feature_matching_loss(fake, self.adversary.real_features(outputs))


class DiscriminatorTerm(_AdversaryTerm):
    """`discriminator_loss`: the discriminator learns that the hole is fake."""

    def forward(self, outputs: Outputs) -> Tensor:
        """Its loss on the truth and on the network's work, neither of which gets a gradient."""
        _, real_logits = self.adversary.judged_real(outputs)
        fake = (seen.detach() for seen in outputs.fake(self.adversary.space))
        hole = outputs.mask if self.adversary.only_hole else torch.ones_like(outputs.mask)
        return discriminator_loss(real_logits, self.adversary.discriminator(*fake)[0], hole)


class R1(_AdversaryTerm):
    """`r1_penalty` of the discriminator on the truth."""

    def forward(self, outputs: Outputs) -> Tensor:
        """The penalty; its gradient reaches the discriminator."""
        seen, real_logits = self.adversary.judged_real(outputs)
        return r1_penalty(real_logits, *seen)
