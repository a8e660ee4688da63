"""Mask control (thesis, section 4): a small encoder on the mask guides the frozen image encoder through zero
convolutions, as ControlNet (Zhang et al., 2023) guides a diffusion network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from latent_inpaint.models.autoencoder import ConvBlock
from latent_inpaint.models.parts import part


class ZeroConv(nn.Conv2d):
    """1×1 convolution without bias, its weights zero at first: it adds nothing, yet gets a gradient."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=1, bias=False)
        nn.init.zeros_(self.weight)


@part
class MaskEncoder(nn.Module):
    """Mask → one control per stage of the image encoder.

    Args:
        stage_channels: the image encoder's `stage_channels`, finest first; the first stage keeps the size
            (1×1 convolution), each further one halves it (3×3, stride 2).
    """

    def __init__(self, stage_channels: Sequence[int]) -> None:
        super().__init__()
        widths = list(stage_channels)
        if not widths or min(widths) < 1:
            raise ValueError(f"stage_channels must be positive numbers, got {widths}")
        stem = ConvBlock(1, widths[0], kernel_size=1)
        downs = [ConvBlock(a, b, kernel_size=3, stride=2) for a, b in itertools.pairwise(widths)]
        self.blocks = nn.ModuleList([stem, *downs])
        self.zero_convs = nn.ModuleList(ZeroConv(channels) for channels in widths)

    def forward(self, mask: Tensor) -> list[Tensor]:
        """Controls of `[B, 1, H, W]` in {0, 1}: `[B, stage_channels[i], H/2^i, W/2^i]` for each stage i."""
        controls = []
        x = mask
        for block, zero_conv in zip(self.blocks, self.zero_convs):
            x = block(x)
            controls.append(zero_conv(x))
        return controls
