"""Inception-v3 as FID uses it, by torch-fidelity's network, whose own download is not used."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from latent_inpaint.models.backbones.base import FeatureNetwork
from latent_inpaint.models.backbones.weights import WeightsFile

WEIGHTS = WeightsFile("FID (and P-IDS, U-IDS)", "inception", "metrics.inception_weights")

LAST = "AvgPool"
"""The layer of torch-fidelity's network whose output is FID's."""


class InceptionFeatures(FeatureNetwork):
    """The 2048 features of FID's Inception-v3 (Heusel et al., 2017).

    Pictures are rounded to 8 bits, as saved ones are, so no gradient flows to them. torch-fidelity's network
    brings them to 299² as TensorFlow 1 did, without antialiasing, and to its own range.

    Args:
        weights_path: a copy of `pt_inception-2015-12-05-6726825d.pth`; None: fetched on first use.
        sha256: checksum to demand instead of the published one.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: the file's checksum is another.
    """

    def __init__(self, weights_path: str | Path | None = None, sha256: str | None = None) -> None:
        path = WEIGHTS.require(weights_path)
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        state, checksum = WEIGHTS.read(path, sha256)
        plain = BytesIO()  # torch-fidelity unpickles what it is given: give it tensors that were read safely
        torch.save(state, plain)
        plain.seek(0)
        network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=plain)
        super().__init__(network, [0.0] * 3, [1.0] * 3, scale=255.0, weights_sha256=checksum)

    def forward(self, image: Tensor) -> list[Tensor]:
        """One entry: the features `[B, 2048]` of `[B, 3, H, W]` in [0, 1]."""
        return list(self.network(self.normalise(image.clamp(0, 1)).round().to(torch.uint8)))

    def unrounded(self, image: Tensor) -> Tensor:
        """The features `[B, 2048]` of `[B, 3, 299, 299]` in [0, 1], whose numbers are taken as they are."""
        x = (self.normalise(image) - 128) / 128
        for name, layer in self.network.named_children():
            x = layer(x)
            if name == LAST:
                break
        return x.flatten(1)
