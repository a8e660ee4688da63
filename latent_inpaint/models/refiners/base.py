"""What a refiner is: a function, a sampler or a copyist on the latent of a masked picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Condition:
    """What a refiner knows of the picture.

    Attributes:
        masked_latent: latent of the masked picture, `[B, C, h, w]`.
        hole: `[B, 1, h, w]` in {0, 1}: 1 where the encoder's window reaches the hole, so that the latent is
            not the true one; see `hole_at_latent`. None where nobody said what the hole is.
        mask: the hole itself, `[B, 1, H, W]` in {0, 1}; a network may take its f×f pixels as channels.
    """

    masked_latent: Tensor
    hole: Tensor | None = None
    mask: Tensor | None = None


@dataclass(frozen=True)
class Refined:
    """What a refiner gives in training.

    Attributes:
        latent: the repaired latent, or a sampler's clean estimate, `[B, C, h, w]` in the encoder's units.
        regression: what a sampler's network predicted and what that should be, `[B, C, h, w]` each.
        time: of each picture in [0, 1], 1 = noise, `[B]`.
        weight: of each picture's regression, `[B]`.
    """

    latent: Tensor
    regression: tuple[Tensor, Tensor] | None = None
    time: Tensor | None = None
    weight: Tensor | None = None


class Refiner(nn.Module):
    """Base of the refiners.

    Attributes:
        multiple: whether it draws: other random numbers give another fill.
        learns_from_target: whether `training_output` needs the true latent.
    """

    multiple = False
    learns_from_target = False

    def training_output(
        self, condition: Condition, target: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Refined:
        """What the losses of a training step look at.

        Args:
            condition: what is known.
            target: latent of the whole picture, `[B, C, h, w]`, without gradient; see `learns_from_target`.
            generator: source of everything random.
        """
        raise NotImplementedError

    def sample(
        self,
        condition: Condition,
        generator: torch.Generator | None = None,
        steps: int | None = None,
        n: int = 1,
    ) -> Tensor:
        """The repaired latent `[B, C, h, w]`; with n > 1 several of each, `[n, B, C, h, w]`.

        Args:
            condition: what is known.
            generator: source of everything random.
            steps: network calls of a sampler; None: its own number.
            n: fills of each picture.
        """
        raise NotImplementedError


class FunctionRefiner(Refiner):
    """A refiner that is one function of the masked latent: `forward` says which."""

    def training_output(
        self, condition: Condition, target: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Refined:
        """The repaired latent; nothing is drawn."""
        return Refined(self(condition.masked_latent))

    def sample(
        self,
        condition: Condition,
        generator: torch.Generator | None = None,
        steps: int | None = None,
        n: int = 1,
    ) -> Tensor:
        """The repaired latent, `[B, C, h, w]`.

        Raises:
            ValueError: several fills are asked for.
        """
        if n != 1:
            raise ValueError(
                f"n must be 1: {type(self).__name__} is a function, all its fills are equal; got {n}"
            )
        return self(condition.masked_latent)
