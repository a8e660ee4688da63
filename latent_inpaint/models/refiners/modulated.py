"""A refiner that draws in one call: noise gives mean and variance of the norms of its FFC blocks.

The thesis names it as what should follow FcF (Jain et al., 2023); the modulation is AdaIN's (Huang and
Belongie, 2017), by a mapped noise as in StyleGAN (Karras et al., 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latent_inpaint.models.denoisers.base import group_norm, zeroed
from latent_inpaint.models.denoisers.ffc import ModulatedFFCBlock
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import Condition, Refined, Refiner
from latent_inpaint.paths.noise import Generators, normal_like, seeded, seeds


@part
class ModulatedFFCRefiner(Refiner):
    """`ẑ = z + R(z, w(ε))`: in every block `(1 + γ(w)) · norm(x) + β(w)`, one w for all positions.

    At first γ, β and R are 0: it gives the masked latent back, whatever the noise.

    Args:
        channels: channels of the latent.
        n_blocks: number of residual blocks, at least 1.
        width: channels of the blocks.
        ratio: share of the global channels, in [0, 1].
        noise: numbers of the noise ε.
        embedding: numbers of w.

    Raises:
        ValueError: n_blocks, noise or embedding below 1.
    """

    multiple = True

    def __init__(
        self,
        channels: int,
        n_blocks: int = 9,
        width: int = 64,
        ratio: float = 0.75,
        noise: int = 64,
        embedding: int = 128,
    ) -> None:
        super().__init__()
        for name, value in (("n_blocks", n_blocks), ("noise", noise), ("embedding", embedding)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.noise = noise
        self.mapping = nn.Sequential(
            nn.RMSNorm(noise, elementwise_affine=False),
            nn.Linear(noise, embedding),
            nn.SiLU(),
            nn.Linear(embedding, embedding),
        )
        self.enter = nn.Conv2d(channels, width, kernel_size=1)
        self.blocks = nn.ModuleList(ModulatedFFCBlock(width, ratio, embedding) for _ in range(n_blocks))
        self.norm = group_norm(width)
        self.leave = zeroed(nn.Conv2d(width, channels, kernel_size=1))

    def forward(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Masked latent `[B, channels, h, w]`, h and w at least 2, noise `[B, noise]` → repaired latent."""
        x, embedding = self.enter(latent), self.mapping(noise)
        for block in self.blocks:
            x = block(x, embedding)
        return latent + self.leave(self.norm(x))

    def training_output(
        self, condition: Condition, target: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Refined:
        """The latent of one noise a picture.

        Raises:
            ValueError: no generator.
        """
        if generator is None:
            raise ValueError(f"generator: {type(self).__name__} draws noise, got None")
        return Refined(self(condition.masked_latent, self._noise(condition, generator)))

    def sample(
        self,
        condition: Condition,
        generator: Generators | None = None,
        steps: int | None = None,
        n: int = 1,
    ) -> Tensor:
        """Repaired latents `[B, C, h, w]`; with n > 1 `[n, B, C, h, w]`, seeded as `GenerativeRefiner`'s.

        Raises:
            ValueError: n below 1, no generator, or a list of another length than the batch.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if generator is None:
            raise ValueError(f"generator: {type(self).__name__} draws noise, got None")
        batch = len(condition.masked_latent)
        drawn = seeds(n * batch if isinstance(generator, torch.Generator) else n, generator).view(n, -1)
        samples = [self(condition.masked_latent, self._noise(condition, seeded(row))) for row in drawn]
        return torch.stack(samples) if n > 1 else samples[0]

    def _noise(self, condition: Condition, generator: Generators) -> Tensor:
        latent = condition.masked_latent
        return normal_like(latent.new_empty(len(latent), self.noise), generator)
