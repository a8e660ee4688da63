"""ControlNet on a denoiser (Zhang et al., 2023): a trainable copy of its encoder guides the frozen one."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latent_inpaint.models.denoisers.base import Denoiser, trains, zeroed
from latent_inpaint.models.denoisers.unet import UNetDenoiser
from latent_inpaint.models.parts import part


@part
class ControlNetDenoiser(Denoiser):
    """A frozen unconditional U-Net, and a copy of its way down that sees the condition.

    The base may train first, in a stage that names it; the next one copies its weights. The condition enters
    the copy after its first convolution; what the copy finds is added to the frozen skips and middle. All of
    that through zero convolutions: at first the output is the base's, bit for bit. So the copy may ignore the
    condition for thousands of steps before it obeys: watch `known_error`, not the loss.

    Args:
        base: trained, unconditional; frozen here.
        condition_channels: channels of the condition, at least 1.

    Raises:
        ValueError: the base is conditional, or condition_channels below 1.
    """

    frozen = ("base",)

    def __init__(self, base: UNetDenoiser, condition_channels: int) -> None:
        super().__init__(base.channels, condition_channels)
        if base.condition_channels:
            raise ValueError(
                f"base must be unconditional, got one with {base.condition_channels} channels of condition"
            )
        if condition_channels < 1:
            raise ValueError(f"condition_channels must be at least 1, got {condition_channels}")
        self.base = base
        self.time = copy.deepcopy(base.time)
        self.encoder = copy.deepcopy(base.encoder)
        widths = base.widths
        self.hint = nn.Sequential(
            nn.Conv2d(condition_channels, widths[0], 3, padding=1),
            nn.SiLU(),
            zeroed(nn.Conv2d(widths[0], widths[0], 1)),
        )
        self.zero_convs = nn.ModuleList(zeroed(nn.Conv2d(width, width, 1)) for width in [*widths, widths[-1]])
        base.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ControlNetDenoiser:
        """The base stays in eval mode."""
        super().train(mode)
        self.base.eval()
        return self

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]` of any size, see `Denoiser`."""
        self.check(z, t, condition)
        if trains(self.base):  # its own stage, before the copy's
            return self.base(z, t)
        with torch.no_grad():
            embedding = self.base.time(t)
            skips, middle = self.base.encoder(z, embedding)
        own_skips, own_middle = self.encoder(z, self.time(t), self.hint(condition))
        *skip_convs, middle_conv = self.zero_convs
        guided: Sequence[Tensor] = [
            skip + conv(own) for skip, conv, own in zip(skips, skip_convs, own_skips, strict=True)
        ]
        return self.base.decoder(guided, middle + middle_conv(own_middle), embedding)


def known_error(latent: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Obedience to the condition: mean absolute error where nothing is hidden, 0-dimensional.

    Args:
        latent: repaired latents, or clean estimates, `[B, C, h, w]`.
        target: true latents.
        hole: `[B, 1, h, w]` in {0, 1}, 1 = hole, of the latent.

    Example:
        >>> hole = torch.tensor([[[[0.0, 1.0]]]])
        >>> known_error(torch.ones(1, 2, 1, 2), torch.zeros(1, 2, 1, 2), hole).item()
        1.0
    """
    known = (1 - hole).expand_as(latent)
    return ((latent - target).abs() * known).sum() / known.sum().clamp_min(1)
