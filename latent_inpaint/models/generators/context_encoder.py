"""Context encoder (Pathak et al., 2016): encoder, one vector or a channel-wise layer, decoder.

Its released code for inpainting has a dense bottleneck, the paper's network for features a channel-wise fully
connected layer: both are here. It makes whole pictures, as the released code for random holes does.
"""

from __future__ import annotations

import warnings
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.geometry import check_shapes, in_square
from latent_inpaint.models.parts import part

MEAN_COLOUR = (117 / 255, 104 / 255, 123 / 255)
"""What the hole is filled with."""
SMALLEST = 4


class ResizedWarning(UserWarning):
    """A picture of another size than the network's was resized."""


@part
class ContextEncoder(nn.Module):
    """A function of the masked picture; the mask itself is not seen.

    Args:
        width: channels of the first two layers; 64 in the released code; then 2, 4 and 8 times as many.
        size: side of the pictures, a power of two from 16 on; 128 in the released code. Others are reduced to
            it, or mirrored up, with a warning.
        bottleneck: features of the one vector between encoder and decoder, 4,000 in the released code; 0: a
            channel-wise fully connected layer at 4×4, then a convolution that mixes the channels (the paper).

    Raises:
        ValueError: an argument out of its range.
    """

    multiple = False
    mean: Tensor

    def __init__(self, width: int = 64, size: int = 128, bottleneck: int = 4000) -> None:
        super().__init__()
        if size < 16 or size & (size - 1):
            raise ValueError(f"size must be a power of two, at least 16, got {size}")
        if width < 1 or bottleneck < 0:
            raise ValueError(f"width must be at least 1, bottleneck 0, got {width} and {bottleneck}")
        self.size = size
        halvings = size.bit_length() - SMALLEST.bit_length()
        widths = [min(width * 2 ** max(0, i - 1), 8 * width) for i in range(halvings)]
        self.encoder = nn.Sequential(*(_down(a, b) for a, b in pairwise([3, *widths])))
        self.middle = _Dense(widths[-1], bottleneck) if bottleneck else _ChannelWise(widths[-1])
        ups = [_up(a, b) for a, b in pairwise(reversed(widths))]
        self.decoder = nn.Sequential(*ups, nn.ConvTranspose2d(widths[0], 3, 4, 2, 1))
        self.register_buffer("mean", torch.tensor(MEAN_COLOUR)[:, None, None], persistent=False)
        self.apply(_initialise)

    def forward(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Predictions `[B, 3, H, W]` in [0, 1].

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: nothing is drawn.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        if tuple(image.shape[-2:]) != (self.size, self.size):
            warnings.warn(
                f"ContextEncoder works on {self.size}×{self.size}: a picture of {image.shape[-1]}×"
                f"{image.shape[-2]} is resized",
                ResizedWarning,
                stacklevel=2,
            )
        return in_square(self._predict, image, mask, self.size)

    def _predict(self, image: Tensor, mask: Tensor) -> Tensor:
        masked = torch.where(mask > 0.5, self.mean, image)
        return torch.tanh(self.decoder(self.middle(self.encoder(2 * masked - 1)))) / 2 + 0.5


class _Dense(nn.Module):
    """`[B, C, 4, 4]` → one vector → `[B, C, 4, 4]`."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(channels, features, SMALLEST, bias=False)
        self.norm = nn.BatchNorm2d(features)
        self.spread = nn.ConvTranspose2d(features, channels, SMALLEST, bias=False)
        self.last = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.norm(self.gather(x)), 0.2)
        return functional.relu(self.last(self.spread(x)))


class _ChannelWise(nn.Module):
    """Every channel has a matrix of its own from all its positions to all of them, then channels mix."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        positions = SMALLEST**2
        self.weight = nn.Parameter(torch.randn(channels, positions, positions) / positions**0.5)
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        spread = torch.einsum("bcp,cpq->bcq", x.flatten(2), self.weight).view_as(x)
        return functional.relu(self.norm(self.mix(spread)))


def _down(in_channels: int, out_channels: int) -> nn.Module:
    conv = nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=False)
    if in_channels == 3:  # the first has no norm
        return nn.Sequential(conv, nn.LeakyReLU(0.2))
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2))


def _up(in_channels: int, out_channels: int) -> nn.Module:
    conv = nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)
