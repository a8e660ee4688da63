"""LaMa's generator in the straightforward formulation, to compare ours with: the same function and weights.

Four convolutions per Fast Fourier Convolution, one per path; halves as separate tensors, each with its own
BatchNorm; copies around the FFT; no layout of memory chosen (Suvorov et al., 2022, as published).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models import FFC, FFCResidualBlock, FourierUnit, FunctionRefiner, LatentInpainter

Halves = tuple[Tensor, Tensor]


class PlainFourierUnit(nn.Module):
    """`FourierUnit` with the real and imaginary parts stacked and unstacked by contiguous copies."""

    def __init__(self, unit: FourierUnit) -> None:
        super().__init__()
        self.conv, self.norm = unit.conv, unit.norm

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` → `[B, C, H, W]`."""
        batch, channels, height, width = x.shape
        spectrum = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
        stacked = torch.stack((spectrum.real, spectrum.imag), dim=-1).permute(0, 1, 4, 2, 3).contiguous()
        mixed = functional.relu(self.norm(self.conv(stacked.view(batch, 2 * channels, height, -1))))
        pairs = mixed.view(batch, channels, 2, height, -1).permute(0, 1, 3, 4, 2).contiguous()
        return torch.fft.irfftn(
            torch.complex(pairs[..., 0], pairs[..., 1]), s=(height, width), dim=(-2, -1), norm="ortho"
        )


class PlainFFC(nn.Module):
    """`FFC` on (local, global) halves: one convolution per path, one BatchNorm per half."""

    def __init__(self, ffc: FFC) -> None:
        super().__init__()
        n_local, n_global = ffc.n_local, ffc.n_global
        to_local, spectral = ffc.to_local.weight, ffc.global_to_global
        self.local_to_local = _convolution(to_local[:, :n_local])
        self.global_to_local = _convolution(to_local[:, n_local:])
        self.local_to_global = _convolution(ffc.local_to_global.weight)
        self.reduce, self.spectral_norm, self.expand = spectral.reduce, spectral.norm, spectral.expand
        self.fourier = PlainFourierUnit(spectral.fourier)
        self.local_norm = _norm(ffc.norm, slice(0, n_local))
        self.global_norm = _norm(ffc.norm, slice(n_local, n_local + n_global))

    def forward(self, halves: Halves) -> Halves:
        """Two halves `[B, C_local, H, W]`, `[B, C_global, H, W]` → the same."""
        local, globe = halves
        u = functional.relu(self.spectral_norm(self.reduce(globe)))
        spectral = self.expand(u + self.fourier(u))
        new_local = self.local_to_local(local) + self.global_to_local(globe)
        new_global = self.local_to_global(local) + spectral
        return functional.relu(self.local_norm(new_local)), functional.relu(self.global_norm(new_global))


class PlainBlock(nn.Module):
    """`FFCResidualBlock` on halves."""

    def __init__(self, block: FFCResidualBlock) -> None:
        super().__init__()
        self.ffc1, self.ffc2 = PlainFFC(block.ffc1), PlainFFC(block.ffc2)

    def forward(self, halves: Halves) -> Halves:
        """Two halves → two halves of the same shapes."""
        local, globe = self.ffc2(self.ffc1(halves))
        return halves[0] + local, halves[1] + globe


class PlainRefiner(FunctionRefiner):
    """The residual blocks of a refiner, on halves."""

    def __init__(self, blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(PlainBlock(block) for block in blocks.children())  # type: ignore[arg-type]
        first = next(block for block in blocks.children() if isinstance(block, FFCResidualBlock))
        self.n_local = first.ffc1.n_local

    def forward(self, latent: Tensor) -> Tensor:
        """`[B, C, h, w]` → `[B, C, h, w]`."""
        halves = latent[:, : self.n_local], latent[:, self.n_local :]
        for block in self.blocks:
            halves = block(halves)
        return torch.cat(halves, dim=1)


def plain_generator(model: LatentInpainter) -> LatentInpainter:
    """A copy of a network of ours, weights and all, in the straightforward formulation; all of it trains."""
    plain = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    plain.refiner = PlainRefiner(plain.refiner.get_submodule("blocks"))
    return plain.requires_grad_(True).train()


def _convolution(weight: Tensor) -> nn.Conv2d:
    out_channels, in_channels = weight.shape[:2]
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect", bias=False)
    conv.weight = nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format))
    return conv


def _norm(norm: nn.BatchNorm2d, channels: slice) -> nn.BatchNorm2d:
    half = nn.BatchNorm2d(channels.stop - channels.start, eps=norm.eps)
    values = {name: value[channels] if value.ndim else value for name, value in norm.state_dict().items()}
    half.load_state_dict(values)
    return half
