"""Patch discriminator of LaMa (Suvorov et al., 2022), after pix2pixHD; for pictures and for latents."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from latent_inpaint.models.parts import part


@part
class PatchDiscriminator(nn.Module):
    """Judges each patch: convolutions + BatchNorm (from the second layer) + LeakyReLU(0.2), then one logit.

    The first `n_strided` of the `n_layers` layers halve the size; one more layer and the logits' convolution
    keep it, up to the border that the padding adds. A small one for latents of 16² to 32²:
    `kernel_size=3, n_layers=3, n_strided=1`.

    Args:
        in_channels: 3 for pictures, the latent's channels for latents.
        width: channels of the first layer; each further layer doubles them.
        n_layers: number of layers before the last one that doubles the width, at least 1.
        kernel_size: side of every convolution; the padding is `kernel_size // 2`.
        n_strided: how many of the layers have stride 2, in [0, n_layers]; None: all.
        max_width: cap of the width.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 64,
        n_layers: int = 4,
        kernel_size: int = 4,
        n_strided: int | None = None,
        max_width: int = 512,
    ) -> None:
        super().__init__()
        n_strided = n_layers if n_strided is None else n_strided
        _check(in_channels, width, n_layers, kernel_size, n_strided, max_width)
        widths = [min(max_width, width * 2**i) for i in range(n_layers + 1)]
        self.in_channels = in_channels
        self.layers = nn.ModuleList(
            [nn.Sequential(_conv(in_channels, width, kernel_size, n_strided > 0), _leaky())]
        )
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            conv = _conv(before, after, kernel_size, i < n_strided)
            self.layers.append(nn.Sequential(conv, nn.BatchNorm2d(after), _leaky()))
        self.layers.append(nn.Sequential(_conv(widths[-1], 1, kernel_size, False)))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge `[B, in_channels, H, W]`.

        Returns:
            The logits `[B, 1, h, w]`, positive = real, and the features of every layer before, finest first.

        Raises:
            ValueError: image has another number of channels.
        """
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise ValueError(
                f"image must have the shape [B, {self.in_channels}, H, W], got {list(image.shape)}"
            )
        features = []
        x = image
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return features[-1], features[:-1]


def _conv(in_channels: int, out_channels: int, kernel_size: int, strided: bool) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride=2 if strided else 1, padding=kernel_size // 2
    )


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2)


def _check(
    in_channels: int, width: int, n_layers: int, kernel_size: int, n_strided: int, max_width: int
) -> None:
    positive = {
        "in_channels": in_channels,
        "width": width,
        "n_layers": n_layers,
        "kernel_size": kernel_size,
    }
    for name, value in positive.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= n_strided <= n_layers:
        raise ValueError(f"n_strided must be in [0, n_layers] = [0, {n_layers}], got {n_strided}")
    if max_width < width:
        raise ValueError(f"max_width must be at least width = {width}, got {max_width}")
