"""Pretrained networks for the perceptual loss whose weights the user downloads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.vgg import cfgs, make_layers

from latent_inpaint.models.storage import load_weights, read_checkpoint

ADE20K_ADDRESS = (
    "http://sceneparsing.csail.mit.edu/model/pytorch/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth"
)
VGG19_ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
CONFIG_KEY = "losses.perceptual.backbone.weights_path"
_VGG19_DEPTH = 30  # up to relu5_1


class _Backbone(nn.Module):
    """Converts pictures to ImageNet's mean 0 and deviation 1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("deviation", deviation[:, None, None], persistent=False)

    def normalise(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation


class DilatedResNet50(nn.Module):
    """ResNet-50 with three 3×3 convolutions as stem, the strides of its last two stages replaced by dilation.

    The names of its parts are those of the published file (Zhou et al., 2018).
    """

    def __init__(self) -> None:
        super().__init__()
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


class ADE20KResNet50(_Backbone):
    """Dilated ResNet-50 of the ADE20K segmentation encoder (Zhou et al., 2018): LaMa's high receptive field.

    Args:
        weights_path: a copy of `encoder_epoch_20.pth`; None: the one in torch.hub's cache.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: the file holds other weights.
    """

    def __init__(self, weights_path: str | Path | None = None) -> None:
        super().__init__()
        path = find_weights(weights_path, ADE20K_ADDRESS)
        weights = read_checkpoint(path)
        self.network = DilatedResNet50()
        # The file was written by an early PyTorch: it lacks BatchNorm's counters and has buffers of its own.
        counters = {k: v for k, v in self.network.state_dict().items() if k.endswith("num_batches_tracked")}
        _load_known(self.network, counters | weights, path)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Outputs of the four stages for `[B, 3, H, W]` in [0, 1]; see `DilatedResNet50`."""
        return self.network(self.normalise(image))


class VGG19(_Backbone):
    """VGG-19 (Simonyan & Zisserman, 2015), its 13 activations up to relu5_1, with average pooling (LaMa).

    Args:
        weights_path: a copy of torchvision's `vgg19-dcbb9e9d.pth`; None: the one in torch.hub's cache.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: the file holds other weights.
    """

    def __init__(self, weights_path: str | Path | None = None) -> None:
        super().__init__()
        path = find_weights(weights_path, VGG19_ADDRESS)
        features = make_layers(cfgs["E"])[:_VGG19_DEPTH]
        weights = {k.removeprefix("features."): v for k, v in read_checkpoint(path).items()}
        _load_known(features, weights, path)
        pooled = [nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer for layer in features]
        self.layers = nn.Sequential(*pooled)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Activations after each ReLU of `[B, 3, H, W]` in [0, 1], H and W at least 16."""
        x = self.normalise(image)
        features = []
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                features.append(x)
        return features


def find_weights(path: str | Path | None, address: str) -> Path:
    """`path`, or torch.hub's copy of the file at `address`; a FileNotFoundError says how to get it."""
    name = address.rsplit("/", 1)[-1]
    place = Path(torch.hub.get_dir()) / "checkpoints" / name if path is None else Path(path)
    if not place.is_file():
        raise FileNotFoundError(
            f"the perceptual loss needs {name}, which is not at {place}: "
            f"download {address} and set {CONFIG_KEY}=FILE"
        )
    return place


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def _load_known(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load all of the network's tensors from `weights`; what else is there, a classifier's, is left."""
    known = {name: weights[name] for name in network.state_dict() if name in weights}
    load_weights(network, known, str(path))
