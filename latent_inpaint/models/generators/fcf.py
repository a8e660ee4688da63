"""FcF (Jain et al., 2023, "Keys to better image inpainting: structure and texture go hand in hand").

A co-modulated generator (Zhao et al., 2021): an encoder sees the masked picture and gives features at every
scale and one vector of the whole; a mapping network makes a style of noise; both together modulate the
synthesis of StyleGAN2, in which fast Fourier convolutions join the encoder's features from 32×32 on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from latent_inpaint.models.ffc import FFC
from latent_inpaint.models.geometry import check_shapes, in_square
from latent_inpaint.models.parts import part
from latent_inpaint.models.style_layers import (
    SMALLEST,
    EqualConv2d,
    EqualLinear,
    StyledConv,
    ToRGB,
    doubled,
    side_of,
    with_deviation,
)
from latent_inpaint.paths.noise import Generators, normal_like

FIRST_FOURIER = 32
"""Side from which on Fourier convolutions join what the encoder saw; below it is added."""


class FcFEncoder(nn.Module):
    """`[B, 4, R, R]` → features at every scale, and one vector of the picture.

    Args:
        widths: channels at R, R/2, … 4.
        global_features: of the vector.
    """

    def __init__(self, widths: Sequence[int], global_features: int) -> None:
        super().__init__()
        self.from_rgb = EqualConv2d(4, widths[0], 1)
        self.same = nn.ModuleList(EqualConv2d(width, width, 3) for width in widths[:-1])
        self.down = nn.ModuleList(EqualConv2d(a, b, 3, halves=True) for a, b in pairwise(widths))
        self.last = EqualConv2d(widths[-1] + 1, widths[-1], 3)
        self.whole = EqualLinear(widths[-1] * SMALLEST**2, global_features, activated=True)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """The features, finest first, and the vector `[B, global_features]`."""
        features = []
        x = self.from_rgb(x)
        for same, down in zip(self.same, self.down):
            features.append(same(x))
            x = down(features[-1])
        features.append(self.last(with_deviation(x)))
        return features, self.dropout(self.whole(features[-1].flatten(1)))


class FourierJoin(nn.Module):
    """`x + 3u + FFC(FFC(u))` of `u = x + skip`: FaF-Res without norms, the local Fourier unit on.

    The identity counts three times, since each of its three wrappers adds it once more.

    Args:
        channels: of x and skip.
        ratio: share of the global channels.
    """

    def __init__(self, channels: int, ratio: float = 0.75) -> None:
        super().__init__()
        self.ffc1 = FFC(channels, ratio, _no_norm, local_fourier=True)
        self.ffc2 = FFC(channels, ratio, _no_norm, local_fourier=True)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, C, H, W]` of the synthesis and of the encoder → `[B, C, H, W]`."""
        u = x + skip
        return x + 3 * u + self.ffc2(self.ffc1(u))


class PlainJoin(nn.Module):
    """`x + skip`, below 32×32."""

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, C, H, W]` of the synthesis and of the encoder → `[B, C, H, W]`."""
        return x + skip


class FcFSynthesis(nn.Module):
    """Styles and the encoder's features → a picture `[B, 3, R, R]`, around [−1, 1].

    Args:
        widths: channels at R, R/2, … 4.
        style_features: of what modulates each layer.
        global_features: of the encoder's vector.
    """

    def __init__(self, widths: Sequence[int], style_features: int, global_features: int) -> None:
        super().__init__()
        coarse = widths[-1]
        self.start = EqualLinear(global_features, coarse * SMALLEST**2, activated=True)
        self.first = StyledConv(coarse, coarse, style_features, SMALLEST)
        self.to_rgb = nn.ModuleList([ToRGB(coarse, style_features)])
        self.up, self.same, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (a, b) in enumerate(pairwise(reversed(widths)), start=1):
            size = SMALLEST * 2**level
            self.up.append(StyledConv(a, b, style_features, size, doubles=True))
            self.same.append(StyledConv(b, b, style_features, size))
            self.join.append(FourierJoin(b) if size >= FIRST_FOURIER else PlainJoin())
            self.to_rgb.append(ToRGB(b, style_features))

    def forward(
        self, features: Sequence[Tensor], whole: Tensor, styles: Tensor, noise: Callable[[int], Tensor | None]
    ) -> Tensor:
        """The picture.

        Args:
            features: the encoder's, finest first.
            whole: the encoder's vector, `[B, global_features]`.
            styles: `[B, 2 log₂ R − 2, F]`, the mapping network's.
            noise: `[B, 1, side, side]` for a layer of that side; None: the layer's kept noise.
        """
        modulation = torch.cat([styles, whole[:, None].expand(-1, styles.shape[1], -1)], dim=2).unbind(dim=1)
        x = self.start(whole).view_as(features[-1]) + features[-1]
        x = self.first(x, modulation[0], noise(SMALLEST))
        picture = self.to_rgb[0](x, modulation[1])
        for level, skip in enumerate(features[-2::-1]):
            side, place = skip.shape[-1], 2 * level + 1
            x = self.join[level](self.up[level](x, modulation[place], noise(side)), skip)
            x = self.same[level](x, modulation[place + 1], noise(side))
            picture = doubled(picture) + self.to_rgb[level + 1](x, modulation[place + 2])
        return picture


@part
class FcFGenerator(nn.Module):
    """FcF's generator as an inpainter that draws.

    It works on pictures of one side, R = 4 · 2^(n − 1) for n widths; others are reduced or mirrored to it.

    Args:
        widths: channels at R, R/2, … 4; FcF at 256²: 64, 128, 256 and four times 512; at 512² five times.
        noise_features: of the mapping network's input and output.
        global_features: of the vector that the encoder gives; FcF: 1,024.
        psi: truncation: styles are drawn towards their mean, 0 being it, 1 the draw; FcF's demo: 0.1.

    Raises:
        ValueError: fewer than two widths, or psi outside [0, 1].
    """

    multiple = True
    mean_style: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        noise_features: int = 512,
        global_features: int = 1024,
        psi: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 <= psi <= 1:
            raise ValueError(f"psi must be in [0, 1], got {psi}")
        self.size, self.noise_features, self.psi = side_of(widths), noise_features, psi
        self.n_styles = 2 * len(widths)
        self.encoder = FcFEncoder(widths, global_features)
        self.mapping = nn.ModuleList(
            EqualLinear(noise_features, noise_features, rate=0.01, activated=True) for _ in range(2)
        )
        self.register_buffer("mean_style", torch.zeros(noise_features))
        self.synthesis = FcFSynthesis(widths, noise_features + global_features, global_features)

    def styles(self, z: Tensor, psi: float | None = None) -> Tensor:
        """Styles of noise `z`, `[B, noise_features]` → `[B, n_styles, noise_features]`, truncated by psi."""
        w = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = layer(w)
        if self.training:
            with torch.no_grad():
                self.mean_style.lerp_(w.detach().mean(dim=0), 0.005)
        else:
            w = self.mean_style.lerp(w, self.psi if psi is None else psi)
        return w[:, None].expand(-1, self.n_styles, -1)

    def forward(self, image: Tensor, mask: Tensor, generator: Generators | None = None) -> Tensor:
        """Predictions `[B, 3, H, W]` in [0, 1].

        What is drawn is the style, and the noise of the first layer; in training that of all layers. In eval
        mode each picture is alone, as a group's deviation would make it depend on the others.

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: of all that is drawn, for the batch or one a picture; None: torch's own.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shapes(image, mask)
        if self.training:
            return self._predict(image, mask, generator)
        own = [generator] * len(image) if isinstance(generator, torch.Generator | None) else generator
        parts = zip(image.split(1), mask.split(1), own, strict=True)
        return torch.cat([self._predict(*each) for each in parts])

    def _predict(self, image: Tensor, mask: Tensor, generator: Generators | None) -> Tensor:
        def draw(*shape: int) -> Tensor:
            like = image.new_empty(len(image), *shape)
            return torch.randn_like(like) if generator is None else normal_like(like, generator)

        def noise(side: int) -> Tensor | None:
            return draw(1, side, side) if self.training or side == SMALLEST else None

        def predict(picture: Tensor, hole: Tensor) -> Tensor:
            features, whole = self.encoder(encoder_input(picture, hole))
            return self.synthesis(features, whole, self.styles(draw(self.noise_features)), noise) / 2 + 0.5

        prediction = in_square(predict, image, mask, self.size)
        return prediction if self.training else prediction.clamp(0, 1)


def encoder_input(image: Tensor, mask: Tensor) -> Tensor:
    """`[½ − m, (2x − 1) ⊙ (1 − m)]`, `[B, 4, H, W]`: what FcF's encoder sees of x in [0, 1]."""
    return torch.cat([0.5 - mask, (2 * image - 1) * (1 - mask)], dim=1)


def _no_norm(channels: int) -> nn.Module:
    return nn.Identity()
