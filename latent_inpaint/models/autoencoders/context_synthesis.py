"""The best linear reading of a block transform: a block from its coefficients and its neighbours'.

What the transform leaves out of a block correlates with its neighbours (an edge goes on, a shade continues).
The least squares solution (a Wiener filter) is found in closed form, and smooths the borders between blocks.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.autoencoders.block_transform import BlockBasis, BlockSynthesis

RIDGE = 1e-5
"""Share of the mean energy that is added to each feature's, so that those that are always 0 do no harm."""


class ContextSynthesis(nn.Module):
    """Latent → picture, from 3×3 positions; at first the inverse of the block transform, from one.

    Args:
        factor: side f of a block in pixels, a power of two.
        channels: coefficients of a block, from 3 to 3·f².
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, factor: int, channels: int) -> None:
        super().__init__()
        self.factor = factor
        self.register_buffer("weight", torch.zeros(3 * factor**2, channels, 3, 3))
        self.register_buffer("bias", torch.zeros(3 * factor**2))
        self._take(BlockSynthesis(factor, channels, learned=False))

    def start_from(self, basis: BlockBasis) -> None:
        """Become the inverse of the block transform with this basis."""
        inverse = BlockSynthesis(self.factor, self.weight.shape[1], learned=False)
        inverse.start_from(basis)
        self._take(inverse)

    def _take(self, inverse: BlockSynthesis) -> None:
        self.weight.zero_()
        self.weight[:, :, 1, 1] = inverse.weight.flatten(1).T
        self.bias.copy_(inverse.bias.repeat_interleave(self.factor**2))

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, channels, h, w]` → `[B, 3, h·f, w·f]`, not clipped; h and w at least 2."""
        padded = functional.pad(latent, (1, 1, 1, 1), mode="reflect")
        return functional.pixel_shuffle(functional.conv2d(padded, self.weight, self.bias), self.factor)

    @torch.no_grad()
    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Add what the neighbours tell about the block transform's error; flat pictures stay flat.

        Call it after `start_from`, once.

        Args:
            pairs: latents `[B, channels, h, w]` and their pictures `[B, 3, h·f, w·f]`, in batches.

        Raises:
            ValueError: no pair.
        """
        channels = self.weight.shape[1]
        moment, target = torch.zeros(()).double(), torch.zeros(()).double()
        for latent, picture in pairs:
            features = neighbourhood(latent).double()  # [n, 9·channels]
            error = functional.pixel_unshuffle(picture - self(latent), self.factor)  # [B, 3·f², h, w]
            moment = moment + features.T @ features
            target = target + features.T @ error.flatten(2).transpose(1, 2).flatten(0, 1).double()
        if moment.ndim == 0:
            raise ValueError("pairs: expected at least one, got none")
        ridge = RIDGE * moment.diagonal().mean() * torch.eye(len(moment)).to(moment)
        found = torch.linalg.solve(moment + ridge, target).float()  # [9·channels, 3·f²]
        kernel = found.T.reshape(-1, channels, 3, 3)
        kernel[:, :3, 1, 1] -= kernel[:, :3].sum(dim=(2, 3))  # a colour counts by its differences alone
        self.weight += kernel


def neighbourhood(latent: Tensor) -> Tensor:
    """Features `[B·h·w, 9·C]` of the 3×3 positions around each; 0 where all of them have one colour.

    The first three channels, the mean colour, enter as differences from the position's own.
    """
    padded = functional.pad(latent, (1, 1, 1, 1), mode="reflect")
    patches = functional.unfold(padded, 3).unflatten(1, (latent.shape[1], 9)).clone()  # [B, C, 9, h·w]
    patches[:, :3] -= patches[:, :3, 4:5].clone()
    return patches.flatten(1, 2).transpose(1, 2).flatten(0, 1)
