"""LPIPS (Zhang et al., 2018) by the `lpips` package, its backbone from a local file; no download, ever."""

import warnings
from pathlib import Path

from torch import Tensor, nn

from latent_inpaint.metrics.weights import WeightsFile

BACKBONES = {
    "alex": WeightsFile(
        metric="LPIPS (alex)",
        file_name="alexnet-owt-7be5be79.pth",
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        key="metrics.lpips_weights",
    ),
    "vgg": WeightsFile(
        metric="LPIPS (vgg)",
        file_name="vgg16-397923af.pth",
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        key="metrics.lpips_weights",
    ),
}


class LPIPSDistance(nn.Module):
    """LPIPS, version 0.1, frozen.

    Args:
        net: "alex" or "vgg": torchvision's AlexNet or VGG-16.
        weights: the backbone's weights as torchvision publishes them; the linear layers are in the package.
        sha256: checksum to demand instead of the published one.

    Raises:
        ValueError: the file's checksum is another.
    """

    def __init__(self, net: str, weights: str | Path, sha256: str | None = None) -> None:
        super().__init__()
        import lpips

        state, self.weights_sha256 = BACKBONES[net].read(weights, sha256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls torchvision by an old signature
            self.distance = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)  # random: never downloads
        backbone = (
            self.distance.net
        )  # its entries are called slice2.3.weight for torchvision's features.3.weight
        backbone.load_state_dict({k: state["features." + k.split(".", 1)[1]] for k in backbone.state_dict()})
        self.requires_grad_(False).eval()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the distance `[B]` between pictures `[B, 3, H, W]` in [0, 1]."""
        value: Tensor = self.distance(prediction, target, normalize=True)
        return value.reshape(-1)
