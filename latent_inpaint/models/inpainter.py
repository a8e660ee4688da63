"""The inpainting network: `image, mask → encoder → latent → refiner → latent → decoder → prediction`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.autoencoders.ffc import Decoder, Encoder
from latent_inpaint.models.guides.mask_control import MaskEncoder
from latent_inpaint.models.parts import part


def composite(image: Tensor, mask: Tensor, prediction: Tensor) -> Tensor:
    """`m ⊙ x̂ + (1 − m) ⊙ x`: the prediction in the hole, the picture itself, bit for bit, elsewhere.

    Args:
        image: `[B, 3, H, W]` in [0, 1].
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        prediction: `[B, 3, H, W]` in [0, 1].
    """
    return torch.where(mask > 0.5, prediction.to(image.dtype), image)


@part
class LatentInpainter(nn.Module):
    """Inpainting in latent space.

    The mask enters in one of two ways: as the encoder's fourth channel ("alpha", as in LaMa), or through a
    mask encoder that guides a 3-channel encoder.

    Args:
        encoder: image encoder; with 4 input channels it sees the mask.
        refiner: network on the latent.
        decoder: latent → image.
        mask_encoder: mask control of a 3-channel encoder.
        plain_encoder: 3-channel encoder that `encode` uses where `encoder` is not the plain one: it gives the
            true latents when the mask is alpha.

    Raises:
        ValueError: parts that do not fit each other.
    """

    def __init__(
        self,
        encoder: Encoder,
        refiner: nn.Module,
        decoder: Decoder,
        mask_encoder: MaskEncoder | None = None,
        plain_encoder: Encoder | None = None,
    ) -> None:
        super().__init__()
        if mask_encoder is not None and encoder.in_channels != 3:
            raise ValueError(
                "mask_encoder: the encoder already sees the mask as its fourth channel; use one of the two"
            )
        if encoder.latent_channels != decoder.latent_channels:
            raise ValueError(
                "encoder and decoder must agree on latent_channels, "
                f"got {encoder.latent_channels} and {decoder.latent_channels}"
            )
        if plain_encoder is not None and plain_encoder.in_channels != 3:
            raise ValueError(f"plain_encoder must take 3 channels, got {plain_encoder.in_channels}")
        self.encoder = encoder
        self.refiner = refiner
        self.decoder = decoder
        self.mask_encoder = mask_encoder
        self.plain_encoder = plain_encoder

    @property
    def down_factor(self) -> int:
        """Pixels per latent position and axis."""
        return self.encoder.down_factor

    def encode(self, image: Tensor) -> Tensor:
        """Plain latent `E(x)` of whole pictures `[B, 3, H, W]`: no mask control; a mask channel is empty."""
        if self.plain_encoder is not None:
            return self.plain_encoder(image)
        if self.encoder.in_channels == 4:
            return self.encoder(functional.pad(image, (0, 0, 0, 0, 0, 1)))
        return self.encoder(image)

    def encode_masked(self, image: Tensor, mask: Tensor) -> Tensor:
        """Latent of the masked picture `x ⊙ (1 − m)`, the mask seen as alpha or through mask control.

        Args:
            image: `[B, 3, H, W]` in [0, 1], H and W multiples of `down_factor`.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
        """
        masked = image * (1 - mask)
        if self.encoder.in_channels == 4:
            return self.encoder(torch.cat([masked, mask], dim=1))
        controls = None if self.mask_encoder is None else self.mask_encoder(mask)
        return self.encoder(masked, controls)

    def refine(self, latent: Tensor) -> Tensor:
        """Repaired latent, `[B, C, h, w]` → `[B, C, h, w]`."""
        return self.refiner(latent)

    def decode(self, latent: Tensor) -> Tensor:
        """Picture of a latent, `[B, C, h, w]` → `[B, 3, h·down_factor, w·down_factor]` in [0, 1]."""
        return self.decoder(latent)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Prediction `[B, 3, H, W]` in [0, 1] for the whole picture; `composite` gives the repaired one.

        Sizes that are no multiple of `down_factor` are padded by mirroring, and cropped again.

        Args:
            image: `[B, 3, H, W]` in [0, 1], any size; what is inside the hole does not matter.
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.

        Raises:
            ValueError: shapes that do not fit.
        """
        check_shapes(image, mask)
        height, width = image.shape[-2:]
        padded_image = pad_to_multiple(image, self.down_factor)
        padded_mask = pad_to_multiple(mask, self.down_factor)
        prediction = self.decode(self.refine(self.encode_masked(padded_image, padded_mask)))
        return prediction[..., :height, :width]

    def inpaint(self, image: Any, mask: Any, **options: Any) -> Any:
        """Repair a picture or several, of any size: `latent_inpaint.inpaint` with this network.

        Args:
            image: numpy `[H, W]` or `[H, W, C]`, PIL image, or torch `[H, W]` or `[C, H, W]`; or a list or a
                batch of them.
            mask: the hole, of the picture's size.
            options: such as `refine=True` or `memory_budget="1GiB"`; see `latent_inpaint.inpaint`.

        Returns:
            The same kind, size and type as `image`.
        """
        from latent_inpaint.inference.picture import inpaint

        return inpaint(image, mask, self, **options)


def check_shapes(image: Tensor, mask: Tensor) -> None:
    """Raise a ValueError unless image is `[B, 3, H, W]` and mask `[B, 1, H, W]` of the same B, H and W."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"image must have the shape [B, 3, H, W], got {list(image.shape)}")
    expected = [image.shape[0], 1, *image.shape[-2:]]
    if list(mask.shape) != expected:
        raise ValueError(f"mask must have the shape {expected} of its image, got {list(mask.shape)}")


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend `[B, C, H, W]` to the right and bottom by mirroring, to at least two times `multiple`.

    Any size will do, 1×1 included: the mirror repeats. Reflect padding needs two latent positions.
    """
    for dim in (-2, -1):
        size = x.shape[dim]
        padded = max(2 * multiple, -(-size // multiple) * multiple)
        if padded != size:
            position = torch.arange(padded, device=x.device) % (2 * size)
            x = x.index_select(dim, torch.minimum(position, 2 * size - 1 - position))
    return x
