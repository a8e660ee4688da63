"""`UNet2DModel` of diffusers as a denoiser (extra `diffusers`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from latent_inpaint.models.denoisers.base import Denoiser, pad_to
from latent_inpaint.models.parts import part


@part
class DiffusersUNet(Denoiser):
    """An unconditional U-Net of diffusers; the condition is joined to the latent.

    It takes the time as a float tensor `1000·t`: of a Python number or an integer it would keep no fraction.

    Args:
        channels: channels of the latent.
        condition_channels: channels of the condition.
        widths: channels of each level, finest first, multiples of `groups` and of `head_width`.
        layers: residual blocks of each level on the way down; one more on the way up.
        groups: groups of each GroupNorm.
        head_width: channels of a head of the attention, at the coarsest level.

    Raises:
        ImportError: diffusers is missing.
        ValueError: widths that do not fit.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int = 0,
        widths: Sequence[int] = (48, 96),
        layers: int = 1,
        groups: int = 8,
        head_width: int = 24,
    ) -> None:
        from diffusers import UNet2DModel

        super().__init__(channels, condition_channels)
        widths = list(widths)
        if not widths or any(width % groups or width % head_width for width in widths):
            raise ValueError(
                f"widths must be multiples of groups, {groups}, and head_width, {head_width}, got {widths}"
            )
        plain = len(widths) - 1
        self.network: Any = UNet2DModel(
            in_channels=channels + condition_channels,
            out_channels=channels,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
            layers_per_block=layers,
            norm_num_groups=groups,
            attention_head_dim=head_width,
        )
        self.multiple = 2**plain

    def forward(self, z: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, C, h, w]` of any size, see `Denoiser`."""
        joined = pad_to(self.join(z, t, condition), self.multiple)
        output = self.network(joined, 1000 * t.float()).sample
        return output[..., : z.shape[2], : z.shape[3]]
