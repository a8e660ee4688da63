"""Perceptual distances in the latent, by a small network in the place of a decoder and a large one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from latent_inpaint.losses.base import check_same_shape
from latent_inpaint.models.backbones.latent_lite0 import moved


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
) -> Tensor:
    """`mean ‖n(φ(ẑ)) − n(φ(z))‖²`, n normalising over channels (LPIPS, Zhang et al., 2018, without weights).

    Args:
        network: φ, latents to maps, such as `LatentLite0`, frozen.
        latent: repaired latents, `[B, C, h, w]`.
        target: true latents; no gradient goes there.
        generator: of one move (flip, shift) of both; None: none.

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
    return torch.stack([(a - b).square().sum(1).mean() for a, b in zip(seen, expected)]).mean()
