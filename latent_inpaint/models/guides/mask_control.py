"""Mask control (thesis, section 4): a small encoder on the mask guides the frozen image encoder through zero
convolutions, as ControlNet (Zhang et al., 2023) guides a diffusion network.

The mask has two values. So has every channel of the first block's output: it is computed for these two values
and not for every pixel, its BatchNorm knows its statistics from the hole's share of the batch, and the second
block's convolution sees one channel, the mask. The results are those of the convolutions written out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.autoencoders.ffc import ConvBlock
from latent_inpaint.models.guides.base import Guide
from latent_inpaint.models.parts import part


class ZeroConv(nn.Conv2d):
    """1×1 convolution without bias, its weights zero at first: it adds nothing, yet gets a gradient."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=1, bias=False)
        nn.init.zeros_(self.weight)


@part
class MaskControl(Guide):
    """A small encoder on the mask adds a control to each stage of the plain image encoder.

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

    def forward(self, image: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
        """`E(x ⊙ (1 − m), controls of m)`; see `Guide`."""
        return encoder(image * (1 - mask), self.controls(mask))

    def controls(self, mask: Tensor) -> list[Tensor]:
        """Controls of `[B, 1, H, W]` in {0, 1}: `[B, stage_channels[i], H/2^i, W/2^i]` for each stage i."""
        blocks = cast(list[ConvBlock], list(self.blocks))
        if len(blocks) == 1 or type(blocks[0].norm) is not nn.BatchNorm2d:
            return self._dense(mask)  # a BatchNorm synchronised over processes wants to see all values
        first, second, *rest = blocks
        values = _first_block(first, mask)  # [2, stage_channels[0], 1, 1]
        x = _second_block(second, values, mask)
        controls = [_spread(self.zero_convs[0](values), mask), self.zero_convs[1](x)]
        for block, zero_conv in zip(rest, self.zero_convs[2:]):
            x = block(x)
            controls.append(zero_conv(x))
        return controls

    def _dense(self, mask: Tensor) -> list[Tensor]:
        controls = []
        x = mask
        for block, zero_conv in zip(self.blocks, self.zero_convs):
            x = block(x)
            controls.append(zero_conv(x))
        return controls


def _first_block(block: ConvBlock, mask: Tensor) -> Tensor:
    """What a 1×1 block makes of 0 and of 1, `[2, C, 1, 1]`, with the statistics of `mask` in train mode."""
    norm, one = block.norm, block.conv.weight.view(1, -1, 1, 1)  # no bias: 0 gives 0, and 1 the weight
    values = torch.cat([torch.zeros_like(one), one])
    if not norm.training:
        return functional.relu(norm(values))
    share = mask.mean()
    mean, variance = share * one, share * (1 - share) * one.square()
    _remember(norm, mean.detach().flatten(), variance.detach().flatten() * mask.numel() / (mask.numel() - 1))
    scale = norm.weight.view(-1, 1, 1) * torch.rsqrt(variance + norm.eps)
    return functional.relu((values - mean) * scale + norm.bias.view(-1, 1, 1))


def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance, norm.momentum)


def _second_block(block: ConvBlock, values: Tensor, mask: Tensor) -> Tensor:
    """A 3×3 block of stride 2 on the spread values: one input channel, the mask, takes the place of all."""
    weight = block.conv.weight
    kernel = (weight * (values[1] - values[0])).sum(dim=1, keepdim=True)  # [out, 1, 3, 3]
    bias = weight.sum(dim=(2, 3)) @ values[0].flatten()
    padded = functional.pad(mask, (1, 1, 1, 1), mode="reflect")
    x = functional.conv2d(padded, kernel, bias, stride=2).contiguous(memory_format=torch.channels_last)
    return functional.relu(block.norm(x), inplace=True)


def _spread(values: Tensor, mask: Tensor) -> Tensor:
    """`values[0]` outside the hole and `values[1]` inside, `[B, C, H, W]`, channels last."""
    spread = torch.addcmul(values[:1], mask.to(values.dtype), values[1:] - values[:1])
    return spread.contiguous(memory_format=torch.channels_last)
