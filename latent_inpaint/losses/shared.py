"""A term that is to be a share of the objective: its weight follows from what is measured."""

from __future__ import annotations

import torch
from torch import Tensor

from latent_inpaint.losses.base import LossTerm
from latent_inpaint.spaces import Outputs


class Shared(LossTerm):
    """Another term, weighted so that it makes up a share of the sum.

    A perceptual loss' size says nothing about another network's: with a weight that was published elsewhere
    it has been nine tenths of a sum. The LPL paper wants a fifth. Running means of this term and of the
    terms with weights of their own are measured while training, and saved with checkpoints; validation
    leaves them alone. With several processes each measures its own.

    Args:
        term: the term; its own weight plays no part.
        share: of the sum, between 0 and 1.
        decay: of the running means, in [0, 1).

    Raises:
        ValueError: share or decay outside its range.
    """

    own: Tensor
    others: Tensor

    def __init__(self, term: LossTerm, share: float = 0.2, decay: float = 0.99) -> None:
        super().__init__(every=term.every)
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, got {share}")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.term, self.share, self.decay = term, share, decay
        self.register_buffer("own", torch.zeros(()))
        self.register_buffer("others", torch.zeros(()))

    def forward(self, outputs: Outputs) -> Tensor:
        """The term's value without a weight."""
        value = self.term(outputs)
        self.noted = dict(self.term.noted)
        return value

    @torch.no_grad()
    def measured_weight(self, value: Tensor, others: Tensor, free: float) -> Tensor:
        """Weight of the term in this step, 0-dimensional; 0 until it has had a value.

        Both means start from 0 and forget alike, so that their ratio is unbiased from the first step on.

        Args:
            value: of the term in this step.
            others: weighted sum of the terms that have weights of their own.
            free: share of the sum that is left for these.
        """
        if self.training:
            self.own.lerp_(value.detach().to(self.own), 1 - self.decay)
            self.others.lerp_(others.detach().abs().to(self.others), 1 - self.decay)
        ratio = self.others / self.own.clamp_min(torch.finfo(self.own.dtype).tiny)
        return torch.where(self.own > 0, self.share / free * ratio, torch.zeros_like(ratio))
