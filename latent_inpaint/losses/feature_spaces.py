"""What a projected discriminator sees: feature maps of a frozen network, computed once per step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latent_inpaint.losses.adversarial_output import Seen
from latent_inpaint.losses.latent_perceptual import check_blocks, check_frozen, decoder_features
from latent_inpaint.models.backbones import Frozen
from latent_inpaint.models.output import InpaintingOutput


class PictureFeatures(nn.Module):
    """Features of the true picture and of the composite, whose known pixels are equal: of what people see.

    A network trained with EfficientNet-Lite0 here must not be judged by PD-lite0 or FD-lite0 alone, which
    look at the same features.

    Args:
        backbone: maps pictures `[B, 3, H, W]` in [0, 1] to feature maps; it is frozen here.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = Frozen(backbone)

    @torch.no_grad()
    def real(self, output: InpaintingOutput) -> Seen:
        """Maps of the true pictures."""
        return tuple(self.backbone(output.image))

    def fake(self, output: InpaintingOutput) -> Seen:
        """Maps of the composites."""
        return tuple(self.backbone(output.composite))


class DecoderFeatures:
    """Features of the true and of the repaired latent in the frozen decoder, which runs no deeper than the
    deepest chosen block: the picture is never made.

    The decoder is a network that knows pictures and has been paid for: what LPL compares, a discriminator can
    judge.

    Args:
        blocks: numbers of the decoder's blocks, ascending, counted from the latent.

    Raises:
        ValueError: at construction, blocks that are not ascending numbers; at use, a block that the decoder
            does not have, or a decoder that is not frozen.
    """

    def __init__(self, blocks: Sequence[int]) -> None:
        self.blocks = check_blocks(blocks)

    @torch.no_grad()
    def real(self, output: InpaintingOutput) -> Seen:
        """Maps of the true pictures' latents."""
        return self._maps(output, output.target_latent)

    def fake(self, output: InpaintingOutput) -> Seen:
        """Maps of the repaired latents."""
        return self._maps(output, output.latent)

    def _maps(self, output: InpaintingOutput, latent: Tensor) -> Seen:
        decoder = output.model.decoder
        check_frozen(decoder)
        return tuple(decoder_features(list(decoder.ups), latent, self.blocks))
