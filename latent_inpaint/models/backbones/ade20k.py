"""The ADE20K segmentation encoder behind LaMa's perceptual loss of high receptive field (HRF PL)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.models.backbones.base import FeatureNetwork
from latent_inpaint.models.backbones.weights import WeightsFile, load_known

WEIGHTS = WeightsFile("the perceptual loss", "ade20k", "losses.perceptual.backbone.weights_path")


class DilatedResNet50(nn.Module):
    """ResNet-50 with three 3×3 convolutions as stem, the strides of its last two stages replaced by dilation.

    The names of its parts are those of the published file (Zhou et al., 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.resnet import Bottleneck, ResNet

        self.conv1, self.bn1 = _conv3x3(3, 64, stride=2), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = _conv3x3(64, 64), nn.BatchNorm2d(64)
        self.conv3, self.bn3 = _conv3x3(64, 128), nn.BatchNorm2d(128)
        stages = ResNet(Bottleneck, [3, 4, 6, 3], replace_stride_with_dilation=[False, True, True])
        shortcut = nn.Sequential(nn.Conv2d(128, 256, 1, bias=False), nn.BatchNorm2d(256))
        stages.layer1[0] = Bottleneck(128, 64, downsample=shortcut)
        self.layer1, self.layer2 = stages.layer1, stages.layer2
        self.layer3, self.layer4 = stages.layer3, stages.layer4

    def forward(self, x: Tensor) -> list[Tensor]:
        """Outputs of the four stages: 256, 512, 1024 and 2048 channels at 1/4 and three times 1/8 size."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        x = functional.relu(self.bn3(self.conv3(x)))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        features = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features


class ADE20KResNet50(FeatureNetwork):
    """Dilated ResNet-50 of the ADE20K segmentation encoder (Zhou et al., 2018), four maps: `DilatedResNet50`.

    Args:
        weights_path: a copy of `encoder_epoch_20.pth`; None: fetched on first use.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: the file holds other weights.
    """

    def __init__(self, weights_path: str | Path | None = None) -> None:
        path = WEIGHTS.require(weights_path)
        weights, checksum = WEIGHTS.read(path)
        network = DilatedResNet50()
        # The file was written by an early PyTorch: it lacks BatchNorm's counters and has buffers of its own.
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        load_known(network, counters | weights, path)
        super().__init__(network, weights_sha256=checksum)


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
