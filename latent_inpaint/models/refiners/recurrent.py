"""A recurrent refiner: the same blocks correct many times (thesis, appendix A; RAFT, Teed & Deng, 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latent_inpaint.models.denoisers.base import group_norm, zeroed
from latent_inpaint.models.ffc import FFCResidualBlock
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, FunctionRefiner, Refined


@part
class RecurrentFFCRefiner(FunctionRefiner):
    """`z ← z + R(z, z_masked)`, n times with the same weights; at first R is 0.

    In training every correction's result has a loss: `Refined.regression` holds all n of them, one after the
    other along the batch, and `Refined.weight` RAFT's `decay^(n − k)`, divided by its mean. GroupNorm, since
    the statistics of a latent change from one correction to the next.

    Args:
        channels: channels of the latent.
        n_steps: number of corrections, at least 1.
        n_blocks: residual blocks of one correction, at least 1.
        width: channels of the blocks.
        ratio: share of the global channels, in [0, 1].
        decay: weight of a correction's loss by that of the next one, above 0.

    Raises:
        ValueError: n_steps or n_blocks below 1, or decay not above 0.
    """

    learns_from_target = True

    def __init__(
        self,
        channels: int,
        n_steps: int = 4,
        n_blocks: int = 3,
        width: int = 64,
        ratio: float = 0.75,
        decay: float = 0.8,
    ) -> None:
        super().__init__()
        for name, value in (("n_steps", n_steps), ("n_blocks", n_blocks)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not decay > 0:
            raise ValueError(f"decay must be above 0, got {decay}")
        self.n_steps = n_steps
        self.decay = decay
        self.enter = nn.Conv2d(2 * channels, width, kernel_size=1)
        self.blocks = nn.Sequential(*(FFCResidualBlock(width, ratio, group_norm) for _ in range(n_blocks)))
        self.leave = zeroed(nn.Conv2d(width, channels, kernel_size=1))

    def corrections(self, latent: Tensor) -> list[Tensor]:
        """The latent after each correction, `n_steps` of `[B, channels, h, w]`, h and w at least 2."""
        z, results = latent, []
        for _ in range(self.n_steps):
            z = z + self.leave(self.blocks(self.enter(torch.cat([z, latent], dim=1))))
            results.append(z)
        return results

    def forward(self, latent: Tensor) -> Tensor:
        """The latent after the last correction, `[B, channels, h, w]`."""
        return self.corrections(latent)[-1]

    def training_output(
        self, condition: Condition, target: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Refined:
        """The last result; as regression all of them `[n·B, C, h, w]`, with weights `[n·B]`.

        Raises:
            ValueError: no target.
        """
        if target is None:
            raise ValueError(f"target: {type(self).__name__} learns from the true latent, got None")
        results = self.corrections(condition.masked_latent)
        weights = self.decay ** torch.arange(self.n_steps - 1, -1, -1, device=target.device).float()
        return Refined(
            results[-1],
            (torch.cat(results), target.repeat(self.n_steps, 1, 1, 1)),
            weight=(weights / weights.mean()).repeat_interleave(len(target)),
        )
