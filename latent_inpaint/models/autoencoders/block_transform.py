"""The linear transform of f×f blocks by principal components: an autoencoder, and where learned ones start.

A block of pixels is 3·f² numbers; the latent keeps the directions along which blocks differ most (the
Karhunen–Loève transform). The first three are the block's mean colour: a flat picture comes back flat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.parts import part

CORRELATION = 0.95
"""Of neighbouring pixels, in the model of pictures from which a transform starts before it saw any."""


@dataclass(frozen=True)
class BlockBasis:
    """Directions in the space of f×f blocks.

    Attributes:
        mean: colour `[3]`.
        components: orthonormal rows `[C, 3, f, f]`.
        deviations: standard deviation of the blocks along each, `[C]`.
    """

    mean: Tensor
    components: Tensor
    deviations: Tensor


def principal_components(pictures: Iterable[Tensor], factor: int, channels: int) -> BlockBasis:
    """The basis that loses least of the given pictures' blocks, the mean colour being kept.

    Args:
        pictures: batches `[B, 3, H, W]` in [0, 1], H and W multiples of `factor`.
        factor: side f of a block in pixels.
        channels: number of directions, from 3 to 3·f².

    Raises:
        ValueError: sizes that do not fit, or no picture.

    Example:
        >>> basis = principal_components([torch.rand(2, 3, 32, 32)], factor=4, channels=5)
        >>> basis.components.shape
        torch.Size([5, 3, 4, 4])
    """
    _check_sizes(factor, channels)
    size = 3 * factor**2
    count, total, moment = 0, torch.zeros(size).double(), torch.zeros(size, size).double()
    for batch in pictures:
        blocks = functional.unfold(batch.detach().cpu().double(), factor, stride=factor)  # [B, 3·f², n]
        count += blocks.shape[0] * blocks.shape[2]
        total += blocks.sum(dim=(0, 2))
        moment += torch.einsum("bin,bjn->ij", blocks, blocks)
    if count == 0:
        raise ValueError("pictures: expected at least one, got none")
    mean = (total / count).view(3, -1).mean(dim=1)
    every = mean.repeat_interleave(factor**2)  # the same at each place of the block
    difference = total / count
    covariance = moment / count - torch.outer(every, difference) - torch.outer(difference, every)
    return _basis(mean, covariance + torch.outer(every, every), factor, channels)


def stationary_components(factor: int, channels: int) -> BlockBasis:
    """The basis of a model of pictures, before any was seen: nearly a cosine transform of luma and chroma.

    Neighbouring pixels correlate by 0.95 along rows and columns (a first-order Markov field), and colours as
    greys with a little tint.

    Args:
        factor: side f of a block in pixels.
        channels: number of directions, from 3 to 3·f².

    Raises:
        ValueError: sizes that do not fit.

    Example:
        >>> stationary_components(factor=8, channels=16).deviations.argmax().item()
        0
    """
    _check_sizes(factor, channels)
    place = torch.arange(factor).double()
    line = CORRELATION ** (place[:, None] - place).abs()
    colour = 0.05 * torch.ones(3, 3).double() + torch.diag(torch.tensor([0.006, 0.003, 0.006]).double())
    covariance = torch.kron(colour, torch.kron(line, line))
    return _basis(torch.full((3,), 0.5).double(), covariance, factor, channels)


def _check_sizes(factor: int, channels: int) -> None:
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"factor must be a power of two, got {factor}")
    if not 3 <= channels <= 3 * factor**2:
        raise ValueError(
            f"channels must be from 3 to 3·factor² = {3 * factor**2}, the numbers of a block, got {channels}"
        )


def _basis(mean: Tensor, covariance: Tensor, factor: int, channels: int) -> BlockBasis:
    """Mean colour first, then the principal components of what is left of the blocks."""
    size = 3 * factor**2
    flat = torch.kron(torch.eye(3).double(), torch.ones(1, factor**2).double() / factor)  # [3, 3·f²]
    colours = _directions(flat @ covariance @ flat.T)[:3] @ flat
    rest = torch.eye(size).double() - flat.T @ flat
    # beyond the first `size − 3` directions of the rest there are only the flat ones, of variance 0
    components = torch.cat([colours, _directions(rest @ covariance @ rest)])[:channels]
    variances = torch.einsum("ci,ij,cj->c", components, covariance, components)
    return BlockBasis(
        mean.float(),
        components.float().view(-1, 3, factor, factor),
        variances.clamp_min(0).sqrt().float(),
    )


def _directions(covariance: Tensor) -> Tensor:
    """Eigenvectors as rows, of the largest eigenvalue first, their largest entry positive."""
    vectors = torch.linalg.eigh(covariance)[1].flip(1).T
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    return vectors * largest.sign()


class _BlockLayer(nn.Module):
    """Weight `[C, 3, f, f]` and bias of a transform; they start with those of a model of pictures.

    Args:
        factor: side f of a block in pixels, a power of two.
        channels: coefficients kept of a block's 3·f² numbers, from 3 on.
        learned: whether training changes them; else only `start_from` does.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, factor: int, channels: int, learned: bool) -> None:
        super().__init__()
        self.factor = factor
        for name, value in zip(("weight", "bias"), self._values(stationary_components(factor, channels))):
            if learned:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    @torch.no_grad()
    def start_from(self, basis: BlockBasis) -> None:
        """Take a basis of the same sizes."""
        for tensor, value in zip((self.weight, self.bias), self._values(basis)):
            tensor.copy_(value)

    def _values(self, basis: BlockBasis) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class BlockAnalysis(_BlockLayer):
    """Picture → latent: each block's coefficients, in the units of `scales`."""

    def _values(self, basis: BlockBasis) -> tuple[Tensor, Tensor]:
        weight = basis.components / scales(basis).view(-1, 1, 1, 1)
        return weight, -(weight.sum(dim=(2, 3)) @ basis.mean)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, 3, H, W]` → `[B, channels, H/f, W/f]`."""
        return functional.conv2d(image, self.weight, self.bias, stride=self.factor)


class BlockSynthesis(_BlockLayer):
    """Latent → picture: the inverse of `BlockAnalysis` on the kept coefficients."""

    def _values(self, basis: BlockBasis) -> tuple[Tensor, Tensor]:
        return basis.components * scales(basis).view(-1, 1, 1, 1), basis.mean

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, channels, h, w]` → `[B, 3, h·f, w·f]`, not clipped."""
        return functional.conv_transpose2d(latent, self.weight, self.bias, stride=self.factor)


def scales(basis: BlockBasis) -> Tensor:
    """Latent unit of each direction, `[C]`: the root of its deviation.

    Between orthonormal coefficients, whose mean colour would outweigh all the rest in a refiner's loss, and
    coefficients of equal variance, where it would count as little as the finest detail.
    """
    return basis.deviations.clamp_min(1e-3).sqrt()


@part
class BlockEncoder(nn.Module):
    """Image → the principal components of its blocks, as an encoder of its own.

    Args:
        down_factor: side of a block in pixels, a power of two.
        latent_channels: components kept, from 3 to 3·down_factor².

    Raises:
        ValueError: sizes that do not fit.
    """

    in_channels = 3

    def __init__(self, down_factor: int = 8, latent_channels: int = 16) -> None:
        super().__init__()
        self.transform = BlockAnalysis(down_factor, latent_channels, learned=True)
        self.down_factor = down_factor
        self.latent_channels = latent_channels
        self.stage_channels = [3]
        self.receptive_field = 2 * down_factor - 1  # the smallest window around a block's first pixel

    def start_from(self, basis: BlockBasis) -> None:
        """Take the basis of training pictures."""
        self.transform.start_from(basis)

    def forward(self, image: Tensor, controls: Sequence[Tensor] | None = None) -> Tensor:
        """`[B, 3, H, W]` in [0, 1], multiples of `down_factor`, → `[B, latent_channels, h, w]`.

        Args:
            image: the picture, its hole already set to 0.
            controls: one tensor `[B, 3, H, W]`, added to the picture.
        """
        if controls is not None:
            (control,) = controls
            image = image + control
        return self.transform(image)


@part
class BlockDecoder(nn.Module):
    """Principal components of blocks → image, clipped to [0, 1].

    Args:
        down_factor: side of a block in pixels, a power of two.
        latent_channels: components of a block, from 3 to 3·down_factor².

    Raises:
        ValueError: sizes that do not fit.
    """

    def __init__(self, down_factor: int = 8, latent_channels: int = 16) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.block_channels = [3]
        self.ups = nn.ModuleList([BlockSynthesis(down_factor, latent_channels, learned=True)])

    def start_from(self, basis: BlockBasis) -> None:
        """Take the basis of training pictures."""
        for up in self.ups:
            assert isinstance(up, BlockSynthesis)
            up.start_from(basis)

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, latent_channels, h, w]` → `[B, 3, h·f, w·f]` in [0, 1]."""
        return self.ups[0](latent).clamp(0, 1)


def start_from_pictures(autoencoder: nn.Module, pictures: Iterable[Tensor]) -> None:
    """Give encoder and decoder what the given pictures tell in closed form.

    Both get the basis that loses least of the blocks; a decoder that can (`fit`) also learns to read it best.

    Args:
        autoencoder: new, its `encoder` and `decoder` have `start_from`.
        pictures: batches `[B, 3, H, W]` in [0, 1]; a few hundred crops are enough.
    """
    pictures = list(pictures)
    encoder, decoder = cast(Any, autoencoder.encoder), cast(Any, autoencoder.decoder)
    basis = principal_components(pictures, encoder.down_factor, encoder.latent_channels)
    encoder.start_from(basis)
    decoder.start_from(basis)
    if hasattr(decoder, "fit"):
        with torch.no_grad():
            on_device = (batch.to(encoder.transform.weight.device) for batch in pictures)
            decoder.fit((encoder(batch), batch) for batch in on_device)


def starts_from_pictures(autoencoder: nn.Module) -> bool:
    """Whether `start_from_pictures` is for this one."""
    return all(hasattr(getattr(autoencoder, half, None), "start_from") for half in ("encoder", "decoder"))
