"""Refiner: repairs the latent of a masked picture (thesis, section 3; the residual FFC blocks of LaMa)."""

from __future__ import annotations

from torch import Tensor, nn

from latent_inpaint.models.ffc import FFCResidualBlock
from latent_inpaint.models.parts import part


@part
class FFCRefiner(nn.Module):
    """`n_blocks` residual FFC blocks on the latent.

    Args:
        channels: channels of the latent.
        n_blocks: number of residual blocks, at least 1.
        ratio: share of the global channels, in [0, 1].
        delta: predict the difference, `ẑ = z + R(z)` (thesis, appendix A), instead of the latent itself.
    """

    def __init__(self, channels: int, n_blocks: int = 9, ratio: float = 0.75, delta: bool = False) -> None:
        super().__init__()
        if n_blocks < 1:
            raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
        self.channels = channels
        self.delta = delta
        self.blocks = nn.Sequential(*(FFCResidualBlock(channels, ratio) for _ in range(n_blocks)))

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, channels, h, w]` → `[B, channels, h, w]`, h and w at least 2."""
        refined = self.blocks(latent)
        return latent + refined if self.delta else refined
