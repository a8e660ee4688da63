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
        clean: first bring pictures of any size to 299² by an antialiased bicubic, as clean-fid does (Parmar
            et al., 2022): Pillow's, on numbers that are not rounded, within 0.02 of 255.
    """

    def __init__(self, backbone: InceptionFeatures, clean: bool = False) -> None:
        super().__init__()
        self.backbone, self.clean = backbone, clean

    def forward(self, image: Tensor) -> Tensor:
        """Map an image `[B, 3, H, W]` in [0, 1], rounded to 8 bits as a saved picture is, to `[B, 2048]`."""
        if not self.clean:
            return self.backbone(image)[0]
        size = (INCEPTION_SIZE, INCEPTION_SIZE)
        image = (255 * image.clamp(0, 1)).round() / 255
        resized = F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
        return self.backbone.unrounded(resized.clamp(0, 1))
