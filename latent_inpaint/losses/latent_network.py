"""Perceptual distances in the latent, by a small network in the place of a decoder and a large one.

The network learns beside the refiner, in a turn of its own, and so knows what the refiner makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from latent_inpaint.losses.base import LossTerm, check_same_shape
from latent_inpaint.losses.noise_gate import noise_gate
from latent_inpaint.losses.shared import Shared
from latent_inpaint.models.backbones import Frozen
from latent_inpaint.models.backbones.latent_lite0 import LatentLite0, at_size, moved
from latent_inpaint.paths.noise import normal_like, sent_to, shared
from latent_inpaint.spaces import Outputs


def feature_cosine(predicted: Sequence[Tensor], expected: Sequence[Tensor]) -> Tensor:
    """`1 − cos` over the channels of each position, averaged over positions and maps: trains the network.

    Args:
        predicted: maps `[B, C_i, h, w]`.
        expected: the same shapes.

    Raises:
        ValueError: another number of maps, or another shape.

    Example:
        >>> predicted, expected = torch.ones(1, 2, 1, 1), torch.tensor([[[[1.0]], [[0.0]]]])
        >>> round(feature_cosine([predicted], [expected]).item(), 4)
        0.2929
    """
    if len(predicted) != len(expected):
        raise ValueError(f"predicted must hold {len(expected)} maps, got {len(predicted)}")
    for one, other in zip(predicted, expected):
        check_same_shape("predicted", one, "expected", other)
    values = [1 - functional.cosine_similarity(one, other) for one, other in zip(predicted, expected)]
    return torch.stack([value.mean() for value in values]).mean()


def latent_network_distance(
    network: Callable[[Tensor], list[Tensor]],
    latent: Tensor,
    target: Tensor,
    generator: torch.Generator | None = None,
    gate: Tensor | None = None,
) -> Tensor:
    """`mean ‖n(φ(ẑ)) − n(φ(z))‖²`, n normalising over channels (LPIPS, Zhang et al., 2018, without weights).

    Args:
        network: φ, latents to maps, such as `LatentLite0`, frozen.
        latent: repaired latents, `[B, C, h, w]`.
        target: true latents; no gradient goes there.
        generator: of one move (flip, shift) of both; None: none.
        gate: factor of each picture, `[B]`; None: 1.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> z = torch.rand(1, 2, 4, 4)
        >>> latent_network_distance(lambda z: [z], z, z).item()
        0.0
    """
    check_same_shape("latent", latent, "target", target)
    if generator is not None:
        latent, target = moved([latent, target], generator)
    with torch.no_grad():
        expected = [functional.normalize(feature) for feature in network(target)]
    seen = [functional.normalize(feature) for feature in network(latent)]
    maps = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(seen, expected)]  # [B] each
    values = torch.stack(maps).mean(0)
    return values.mean() if gate is None else (gate * values).mean()


class LatentNetwork(nn.Module):
    """A network that learns from latents what a teacher sees in their pictures, and a distance by it.

    Every lesson is on thirds of a batch: true latents, the refiner's, and true ones with noise up to the
    latent's own deviation; the last two are decoded for the teacher. So it has no blind spot where the
    refiner goes. Where the refiner is to follow it, it goes on learning.

    Args:
        network: what learns.
        teacher: pictures `[B, 3, H, W]` in [0, 1] to maps, as many and as wide as the network gives.
        optimizer: makes the network's optimizer from its parameters.
        share: of the distance in the refiner's objective, see `Shared`; None: it only learns.
        threshold: see `noise_gate`.
        every: steps from one lesson to the next.
    """

    def __init__(
        self,
        network: LatentLite0,
        teacher: nn.Module,
        optimizer: Callable[..., Optimizer],
        share: float | None = None,
        threshold: float | None = None,
        every: int = 2,
    ) -> None:
        super().__init__()
        self.discriminator = network
        self.teacher = Frozen(teacher)
        self.optimizer = optimizer
        self.threshold = threshold
        self.every = every
        distance = NetworkDistance(self)
        self.terms: dict[str, LossTerm] = {} if share is None else {"distance": Shared(distance, share)}
        self.discriminator_terms: dict[str, LossTerm] = {"lesson": Lesson(self)}


class _OfNetwork(LossTerm):
    """A term that asks a latent network, which is no submodule here."""

    def __init__(self, owner: LatentNetwork) -> None:
        super().__init__()
        self._owner = (owner,)


class NetworkDistance(_OfNetwork):
    """`latent_network_distance` of the repaired latent to the true one."""

    def forward(self, outputs: Outputs) -> Tensor:
        """The distance after one random move, of the estimates that the gate lets count."""
        (owner,) = self._owner
        gate = noise_gate(outputs.refined, owner.threshold)
        self.noted = {} if gate is None else {"gated": gate.mean()}
        latent, target = outputs.latent, outputs.target_latent
        return latent_network_distance(owner.discriminator, latent, target, outputs.generator, gate)


class Lesson(_OfNetwork):
    """`feature_cosine` of the network's maps to the teacher's, the latter averaged to the latent's size."""

    def forward(self, outputs: Outputs) -> Tensor:
        """The network's error; no gradient goes to the refiner."""
        (owner,) = self._owner
        network: LatentLite0 = owner.discriminator
        with torch.no_grad():
            latents, pictures = self._material(outputs, network)
            expected = at_size(owner.teacher(pictures), (latents.shape[-2], latents.shape[-1]))
        return feature_cosine(network(latents), expected)

    def _material(self, outputs: Outputs, network: LatentLite0) -> tuple[Tensor, Tensor]:
        target, generator = outputs.target_latent, outputs.generator
        if generator is None:
            raise ValueError("generator: lessons draw noise, got None")
        if network.statistics.training:
            network.statistics.update(target)
        amounts = shared(generator, len(target), lambda n: torch.rand(n, generator=generator))
        noise = normal_like(target, generator) * network.statistics.deviation[:, None, None]
        noised = target + sent_to(target, amounts)[:, None, None, None] * noise
        step = min(3, len(target))
        thirds = [slice(i % step, None, step) for i in range(3)]
        latents = torch.cat([z[third] for z, third in zip((target, outputs.latent.detach(), noised), thirds)])
        n_true = len(target[thirds[0]])
        return latents, torch.cat([outputs.image[thirds[0]], outputs.model.decode(latents[n_true:])])
