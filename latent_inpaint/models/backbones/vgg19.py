"""VGG-19, the usual network of perceptual losses."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from latent_inpaint.models.backbones.base import FeatureNetwork, Taps
from latent_inpaint.models.backbones.weights import WeightsFile, load_known

WEIGHTS = WeightsFile("the perceptual loss", "vgg19", "losses.perceptual.backbone.weights_path")
_DEPTH = 30  # up to relu5_1


class VGG19(FeatureNetwork):
    """VGG-19 (Simonyan & Zisserman, 2015), its 13 activations up to relu5_1, with average pooling (LaMa).

    Pictures have at least 16 pixels a side.

    Args:
        weights_path: a copy of torchvision's `vgg19-dcbb9e9d.pth`; None: fetched on first use.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: the file holds other weights.
    """

    def __init__(self, weights_path: str | Path | None = None) -> None:
        path = WEIGHTS.require(weights_path)
        from torchvision.models.vgg import cfgs, make_layers

        features = make_layers(cfgs["E"])[:_DEPTH]
        weights, checksum = WEIGHTS.read(path)
        load_known(features, {k.removeprefix("features."): v for k, v in weights.items()}, path)
        layers = [nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer for layer in features]
        taps = [index for index, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
        super().__init__(Taps(layers, taps), weights_sha256=checksum)
