"""The FFC refiner's blocks as a denoiser: global by the Fourier transform at every depth."""

from __future__ import annotations

from torch import Tensor, nn

from latent_inpaint.models.denoisers.base import Denoiser, Film, TimeEmbedding, group_norm, zeroed
from latent_inpaint.models.ffc import FFC, RESIDUAL_SCALE
from latent_inpaint.models.parts import part


class ModulatedFFCBlock(nn.Module):
    """`x + FFC(film(FFC(x)))`, GroupNorm in place of BatchNorm: one batch holds many levels of noise."""

    def __init__(self, width: int, ratio: float, embedding: int) -> None:
        super().__init__()
        self.ffc1 = FFC(width, ratio, group_norm)
        self.film = Film(embedding, width)
        self.ffc2 = FFC(width, ratio, group_norm)
        nn.init.constant_(self.ffc2.norm.weight, RESIDUAL_SCALE)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`[B, width, h, w]` → `[B, width, h, w]`."""
        return x + self.ffc2(self.film(self.ffc1(x), embedding))


@part
class FFCDenoiser(Denoiser):
    """`n_blocks` residual FFC blocks with the time by FiLM.

    Args:
        channels: channels of the latent.
        condition_channels: channels of the condition, joined to the latent.
        width: channels of the blocks.
        n_blocks: number of blocks, at least 1.
        ratio: share of the global channels, in [0, 1].
        embedding: channels of the time's embedding.

    Raises:
        ValueError: n_blocks below 1.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int = 0,
        width: int = 64,
        n_blocks: int = 6,
        ratio: float = 0.75,
        embedding: int = 128,
    ) -> None:
        super().__init__(channels, condition_channels)
        if n_blocks < 1:
            raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
        self.time = TimeEmbedding(embedding)
        self.enter = nn.Conv2d(channels + condition_channels, width, 1)
        self.blocks = nn.ModuleList(ModulatedFFCBlock(width, ratio, embedding) for _ in range(n_blocks))
        self.norm = group_norm(width)
        self.leave = zeroed(nn.Conv2d(width, channels, 1))

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]`, h and w at least 2; see `Denoiser`."""
        return self.leave(self.norm(self.features(z, t, condition)[-1]))

    def features(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """The activations after each block, `[B, width, h, w]`."""
        x, embedding = self.enter(self.join(z, t, condition)), self.time(t)
        features = []
        for block in self.blocks:
            x = block(x, embedding)
            features.append(x)
        return features
