"""What an exported file computes: the repair of a picture, or one call of a sampler's network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from latent_inpaint.inference.matrix_fourier import with_matrix_products
from latent_inpaint.models.inpainter import LatentModel, draws
from latent_inpaint.models.refiners.generative import GenerativeRefiner
from latent_inpaint.models.refiners.sampling import Task
from latent_inpaint.paths.known import Known

SMALLEST, SMALLEST_DRAWN = 2, 5
"""Latent positions along a side; the U-Net's coarsest level must not be a single one."""


def check_sampler(refiner: GenerativeRefiner) -> None:
    """Raise a ValueError where a refiner's sampler needs random numbers besides its first noise."""
    z = torch.zeros(1, refiner.denoiser.channels, 1, 1)
    known = Known(z, torch.ones_like(z[:, :1]))
    grid = torch.tensor([refiner.first_time, 0.5, 0.0])
    try:
        refiner.sampler(Task(lambda z, t: z, refiner.path, z, grid, [], known))
    except ValueError as error:
        raise ValueError(f"network: {type(refiner.sampler).__name__} draws while it samples") from error


class Repair(nn.Module):
    """Image and mask in, repaired picture out, for sizes that need no padding; a flow's noise in, too.

    Args:
        network: an inpainter.
        exact: leave the Fourier units as they are, for comparison.

    Attributes:
        inputs: name → channels, and pixels that one of its own has along a side.
        smallest: latent positions along a side, at least.

    Raises:
        ValueError: it draws otherwise than once, at the start.
    """

    def __init__(self, network: nn.Module, exact: bool = False) -> None:
        super().__init__()
        copied = network if exact else with_matrix_products(network).cpu()
        self.network = copied.eval().requires_grad_(False)
        self.inputs = {"image": (3, 1), "mask": (1, 1)}
        self.smallest = SMALLEST_DRAWN if draws(network) else SMALLEST
        if draws(network):
            refiner = getattr(self.network, "refiner", None)
            if not isinstance(refiner, GenerativeRefiner) or refiner.guidance.scale != 1:
                raise ValueError(
                    f"network: {type(network).__name__} draws; of such, flows and diffusions without "
                    "guidance can be exported"
                )
            check_sampler(refiner)  # and look its first time up: a program cannot
            self.inputs["noise"] = (refiner.denoiser.channels, int(network.down_factor))  # type: ignore[arg-type]

    def forward(self, image: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """Image `[B, 3, H, W]`, mask `[B, 1, H, W]` → `[B, 3, H, W]`; sides multiples of the down factor."""
        network: Any = self.network
        if noise is not None:
            condition = network.condition(network.encode_masked(image, mask), mask)
            prediction = network.decode(network.refiner.solve(condition, noise))
        elif isinstance(network, LatentModel):  # without its padding
            prediction = network.decode(network.refine(network.encode_masked(image, mask)))
        else:
            prediction = network(image * (1 - mask), mask)
        return mask * prediction + (1 - mask) * image


class DenoiserStep(nn.Module):
    """One call of a sampler's network: noisy latent, time and condition in, its prediction out.

    For sampling loops of one's own; everything is in standardised units, see `Denoiser`.

    Args:
        network: an inpainter whose refiner is a flow or a diffusion.
        exact: leave the Fourier units as they are, for comparison.

    Attributes:
        inputs: name → channels, and pixels that one of its own has along a side; no channels: `[B]`.
        smallest: latent positions along a side, at least.

    Raises:
        ValueError: it has no denoiser.
    """

    def __init__(self, network: nn.Module, exact: bool = False) -> None:
        super().__init__()
        refiner = getattr(network, "refiner", None)
        if not isinstance(refiner, GenerativeRefiner):
            raise ValueError(
                f"step: {type(network).__name__} is no flow and no diffusion: it has no denoiser"
            )
        denoiser = refiner.denoiser if exact else with_matrix_products(refiner.denoiser).cpu()
        self.denoiser = denoiser.eval().requires_grad_(False)
        factor = int(network.down_factor)  # type: ignore[arg-type]
        self.inputs = {"z": (denoiser.channels, factor), "t": (0, factor)}
        self.smallest = SMALLEST_DRAWN
        if denoiser.condition_channels:
            self.inputs["condition"] = (denoiser.condition_channels, factor)

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]`, `[B]` in [0, 1], `[B, K, h, w]` → `[B, C, h, w]`."""
        return self.denoiser(z, t, condition)


Exported = Repair | DenoiserStep


def drawn_inputs(exported: Exported, height: int, width: int, generator: torch.Generator) -> list[Tensor]:
    """Two of each input, for pictures of this size."""
    drawn = []
    for name, (channels, factor) in exported.inputs.items():
        shape = [2, channels, height // factor, width // factor] if channels else [2]
        draw = torch.randn if name in ("noise", "z", "condition") else torch.rand
        x = draw(shape, generator=generator)
        drawn.append((x > 0.7).float() if name == "mask" else x)
    return drawn
