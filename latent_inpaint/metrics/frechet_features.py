"""What the Fréchet distances compare: one vector a picture, of EfficientNet-Lite0 or of FID's Inception."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latent_inpaint.models.backbones import InceptionFeatures, Lite0Features

LITE0_BLOCK = 10
LITE0_SIZE = 192
INCEPTION_SIZE = 299


class Lite0FrechetFeatures(nn.Module):
    """What FD-lite0 compares: the spatial mean of block 10 on the picture at 192², antialiased.

    FD-lite0 has a name of its own because it is not FID: it compares rows of this project with each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Lite0Features((LITE0_BLOCK,)).folded()

    def forward(self, image: Tensor) -> Tensor:
        """Map an image `[B, 3, H, W]` in [0, 1] to features `[B, 112]`."""
        size = (LITE0_SIZE, LITE0_SIZE)
        resized = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
        return self.backbone(resized.contiguous(memory_format=torch.channels_last))[0].mean(dim=(2, 3))


class InceptionFrechetFeatures(nn.Module):
    """What FID compares: torch-fidelity's own features, whose network resizes without antialiasing.

    Args:
        backbone: the network.
        antialiased: first bring larger pictures to 299² by an antialiased bicubic (Parmar et al., 2022).
    """

    def __init__(self, backbone: InceptionFeatures, antialiased: bool = False) -> None:
        super().__init__()
        self.backbone, self.antialiased = backbone, antialiased

    def forward(self, image: Tensor) -> Tensor:
        """Map an image `[B, 3, H, W]` in [0, 1], rounded to 8 bits as a saved picture is, to `[B, 2048]`."""
        if self.antialiased and max(image.shape[-2:]) > INCEPTION_SIZE:
            size = (INCEPTION_SIZE, INCEPTION_SIZE)
            image = F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
        return self.backbone(image)[0]
