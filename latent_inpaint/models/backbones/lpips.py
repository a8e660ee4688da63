"""The network of LPIPS (Zhang et al., 2018) by the `lpips` package, whose own downloads are not used."""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import Tensor
from torch.nn import functional

from latent_inpaint.models.backbones.base import FeatureNetwork
from latent_inpaint.models.backbones.weights import WeightsFile

WEIGHTS = {
    "alex": WeightsFile("LPIPS (alex)", "alexnet", "metrics.lpips_weights"),
    "vgg": WeightsFile("LPIPS (vgg)", "vgg16", "metrics.lpips_weights"),
}


class LPIPSFeatures(FeatureNetwork):
    """What LPIPS, version 0.1, compares: activations of unit length, channels weighted by √w.

    The squared distance of two pictures' maps, summed over channels and maps and averaged over space, is
    their LPIPS: `metrics.perceptual.lpips_distance`. The weights w of the channels are in the package.

    Args:
        net: "alex" or "vgg": torchvision's AlexNet or VGG-16.
        weights_path: its weights as torchvision publishes them; None: fetched on first use.
        sha256: checksum to demand instead of the published one.

    Raises:
        FileNotFoundError: there is no such file; the message says where to get it.
        ValueError: another net, or the file's checksum is another.
    """

    def __init__(
        self, net: str = "alex", weights_path: str | Path | None = None, sha256: str | None = None
    ) -> None:
        if net not in WEIGHTS:
            raise ValueError(f"net: expected one of {', '.join(WEIGHTS)}, got {net!r}")
        path = WEIGHTS[net].require(weights_path)
        import lpips

        state, checksum = WEIGHTS[net].read(path, sha256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls torchvision by an old signature
            network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)  # random: never downloads
        trunk = network.net  # calls slice2.3.weight what torchvision calls features.3.weight
        trunk.load_state_dict({k: state["features." + k.split(".", 1)[1]] for k in trunk.state_dict()})
        super().__init__(trunk, weights_sha256=checksum)
        for index, layer in enumerate(network.lins):
            self.register_buffer(f"root_{index}", layer.model[-1].weight[0].sqrt(), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Five maps `[B, C, h, w]` of `[B, 3, H, W]` in [0, 1]."""
        activations = self.network(self.normalise(image))
        return [
            functional.normalize(x, dim=1, eps=1e-10) * self.get_buffer(f"root_{index}")
            for index, x in enumerate(activations)
        ]
