"""What the pretrained networks share: their pictures' normalisation, and that nothing changes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class FeatureNetwork(nn.Module):
    """A pretrained network, frozen: no gradient to its weights, always in eval mode.

    It is given `(scale · picture − mean) / deviation`, channel by channel; the constants are buffers that
    follow it to a device and are in no checkpoint.

    Args:
        network: maps a normalised picture to a list of feature maps.
        mean: of each channel, of `scale` times the picture.
        deviation: the same.
        scale: factor of pictures in [0, 1].
        weights_sha256: checksum of the file of weights, for the records.

    Attributes:
        key: equal for networks that show the same of a picture, so that one may do for both.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float] = IMAGENET_MEAN,
        deviation: Sequence[float] = IMAGENET_DEVIATION,
        scale: float = 1.0,
        weights_sha256: str | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.scale, self.weights_sha256 = scale, weights_sha256
        self.key: tuple[Hashable, ...] = (type(self).__name__, weights_sha256 or id(self))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay in eval mode: the network is frozen."""
        return super().train(False)

    def normalise(self, image: Tensor) -> Tensor:
        """`[B, 3, H, W]` in [0, 1] in the range that the network was trained on."""
        return (self.scale * image - self.mean) / self.deviation

    def forward(self, image: Tensor) -> list[Tensor]:
        """The network's feature maps `[B, C, h, w]` of `[B, 3, H, W]` in [0, 1], shallow first."""
        return self.network(self.normalise(image))


class Taps(nn.Module):
    """Runs layers one after another and returns the outputs of some of them.

    Args:
        layers: the layers.
        taps: numbers of those whose outputs are returned, counted from 0.
    """

    def __init__(self, layers: Iterable[nn.Module], taps: Collection[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.taps = frozenset(taps)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The chosen layers' outputs of `x`, in order."""
        outputs = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.taps:
                outputs.append(x)
        return outputs


class Frozen(nn.Module):
    """Holds a network that never changes: no gradient to it, always in eval mode.

    It is no submodule, so its weights are neither among the parameters nor in checkpoints (they come from a
    file of their own), yet it follows when this module moves to another device or precision.

    Args:
        network: maps a picture `[B, 3, H, W]` in [0, 1] to feature maps: a `FeatureNetwork`, or any other.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._held = (network.requires_grad_(False).eval(),)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The network's feature maps of `[B, 3, H, W]` in [0, 1]; gradients flow to the picture."""
        return self._held[0](image.contiguous(memory_format=torch.channels_last))  # nearly twice as fast

    def extra_repr(self) -> str:
        """The network's class, as it is shown by `print`."""
        return type(self._held[0]).__name__

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self._held[0]._apply(function)
        return super()._apply(function, recurse)
