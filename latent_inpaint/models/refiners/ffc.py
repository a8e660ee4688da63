"""Refiner: repairs the latent of a masked picture (thesis, section 3; the residual FFC blocks of LaMa)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latent_inpaint.models.ffc import FFCResidualBlock
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners.base import FunctionRefiner


@part
class FFCRefiner(FunctionRefiner):
    """`n_blocks` residual FFC blocks on the latent.

    Args:
        channels: channels of the latent.
        n_blocks: number of residual blocks, at least 1.
        ratio: share of the global channels, in [0, 1].
        delta: predict the difference, `ẑ = z + R(z)` (thesis, appendix A), instead of the latent itself.
        width: channels that the blocks work on, at least the latent's; None: those. A latent of few channels
            (4 in Stable Diffusion's autoencoder) leaves the blocks too little room: a 1×1 convolution with
            orthonormal columns spreads it over `width` channels, and another one, at first its transpose,
            takes it back. So a new refiner keeps what is known, with a width of its own as well.

    Raises:
        ValueError: n_blocks below 1, or width below channels.
    """

    def __init__(
        self,
        channels: int,
        n_blocks: int = 9,
        ratio: float = 0.75,
        delta: bool = False,
        width: int | None = None,
    ) -> None:
        super().__init__()
        if n_blocks < 1:
            raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
        if width is not None and width < channels:
            raise ValueError(f"width must be at least the latent's channels, {channels}, got {width}")
        self.channels = channels
        self.delta = delta
        self.blocks = nn.Sequential(*(FFCResidualBlock(width or channels, ratio) for _ in range(n_blocks)))
        self.enter, self.leave = _projections(channels, width)

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, channels, h, w]` → `[B, channels, h, w]`, h and w at least 2."""
        refined = self.leave(self.blocks(self.enter(latent)))
        return latent + refined if self.delta else refined


def _projections(channels: int, width: int | None) -> tuple[nn.Module, nn.Module]:
    """1×1 convolutions to `width` channels and back, at first each other's inverse; None: nothing."""
    if width is None:
        return nn.Identity(), nn.Identity()
    enter = nn.Conv2d(channels, width, kernel_size=1, bias=False)
    leave = nn.Conv2d(width, channels, kernel_size=1, bias=False)
    nn.init.orthogonal_(enter.weight)
    with torch.no_grad():
        leave.weight.copy_(enter.weight.transpose(0, 1))
    return enter, leave
