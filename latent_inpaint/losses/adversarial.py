"""Non-saturating adversarial loss with R1; only the hole is fake (LaMa, Suvorov et al., 2022, section 2.3).

The same functions serve pictures and latents: nothing here knows what the discriminator sees.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.losses.adversarial_output import AdversarialOutput, Seen, check_judged
from latent_inpaint.losses.base import LossTerm, at_least_float32, check_same_shape, non_negative


def generator_loss(fake_logits: Tensor) -> Tensor:
    """`mean softplus(−D(x̂))` over all patches, in and outside the hole.

    Args:
        fake_logits: the discriminator's logits of the generator's output, any shape, positive = real.
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
    """
    if not real_images or not all(seen.requires_grad for seen in real_images):
        raise ValueError("real_images must require gradients before the discriminator sees them, got none")
    gradients = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    squares = [at_least_float32(gradient).square().flatten(1).sum(1).mean() for gradient in gradients]
    return torch.stack(squares).sum()


class Adversarial(LossTerm):
    """`generator_loss` of what the discriminator says of the output. LaMa: weight 10."""

    def forward(self, output: AdversarialOutput) -> Tensor:  # type: ignore[override]
        """How far `output.fake_logits` are from "real"; gradients flow to the generator.

        Raises:
            ValueError: the output comes without a discriminator.
        """
        check_judged("Adversarial", output)
        return generator_loss(output.fake_logits)


class DiscriminatorObjective(nn.Module):
    """What the discriminator minimises: `discriminator_loss + r1_weight · r1_penalty`.

    Args:
        r1_weight: weight of the R1 penalty, at least 0; 0 spares its second backward pass. LaMa: 0.001.

    Raises:
        ValueError: r1_weight is negative or not finite.
    """

    def __init__(self, r1_weight: float = 0.001) -> None:
        super().__init__()
        self.r1_weight = non_negative("r1_weight", r1_weight)

    def forward(
        self, discriminator: nn.Module, real: Seen, fake: Seen, hole: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective, and its unweighted parts `adversarial` and (if it has a weight) `r1`, detached.

        Args:
            discriminator: called with `*real` or `*fake`, gives logits and features.
            real: what it sees of the truth: one or more tensors `[B, C, H, W]`; no gradient flows to them.
            fake: the same of the network's work; no gradient flows to them.
            hole: `[B, 1, H', W']` in {0, 1}, 1 = hole.
        """
        real = tuple(seen.detach().requires_grad_(self.r1_weight > 0) for seen in real)
        real_logits, _ = discriminator(*real)
        fake_logits, _ = discriminator(*(seen.detach() for seen in fake))
        total = adversarial = discriminator_loss(real_logits, fake_logits, hole)
        if not self.r1_weight:
            return total, {"adversarial": adversarial.detach()}
        r1 = r1_penalty(real_logits, *real)
        return total + self.r1_weight * r1, {"adversarial": adversarial.detach(), "r1": r1.detach()}
