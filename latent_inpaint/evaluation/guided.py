"""Guided PatchMatch: real texture, copied to where a network says (after Zhang et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.evaluation.curation import Curator
from latent_inpaint.evaluation.guides import Guide, GuideMaker
from latent_inpaint.evaluation.methods import BlindMethod
from latent_inpaint.evaluation.networks import Network, load_network
from latent_inpaint.inference.loading import FAST
from latent_inpaint.models.classical.base import Hole, Picture, from_picture, in_threads, to_picture
from latent_inpaint.models.classical.patchmatch import check_installed, check_sources, load_patchmatch
from latent_inpaint.models.inpainter import composite


class GuidedPatchMatch(BlindMethod):
    """One PatchMatch result for each guide; a curator takes the best one of each picture.

    The network's result only steers: the hole is put together from patches of the known region.

    Args:
        network: its result, and its features, give the guides.
        guides: guides by name; each gives one candidate.
        curator: chooses among the candidates.
        weight: weight of a guide's distance against the patches' distance, which counts 1.
        patch_size: radius of the compared patches.
        seed: seed of the randomised search.
        name: how the method is called in tables.

    Raises:
        ValueError: no guide, a negative weight, or a patch size below 1.
    """

    def __init__(
        self,
        network: Network,
        guides: Mapping[str, GuideMaker],
        curator: Curator,
        weight: float = 0.1,
        patch_size: int = 3,
        seed: int = 0,
        name: str = "guided_patchmatch",
    ) -> None:
        super().__init__(name)
        check_installed()
        if not guides:
            raise ValueError("guides: expected at least one, got none")
        if weight < 0:
            raise ValueError(f"weight: expected 0 or more, got {weight}")
        if patch_size < 1:
            raise ValueError(f"patch_size: expected at least 1, got {patch_size}")
        self.network = network
        self.multiple = network.multiple
        self.guides = dict(guides)
        self.curator = curator
        self.weight = weight
        self.patch_size = patch_size
        self.seed = seed

    def fill(self, masked_image: Tensor, mask: Tensor) -> Tensor:
        """Run the network on the batch, then copy and choose picture by picture."""
        return self._copied(masked_image, mask, self.network(masked_image, mask))

    def draw(self, masked_image: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """As `fill`, for a network that draws."""
        return self._copied(masked_image, mask, self.network(masked_image, mask, generator))

    def _copied(self, masked_image: Tensor, mask: Tensor, prediction: Tensor) -> Tensor:
        finished = composite(masked_image, mask, prediction)
        return torch.stack([self._fill_one(*sample) for sample in zip(masked_image, mask, finished)])

    def candidates(self, picture: Picture, hole: Hole, finished: Tensor) -> dict[str, Picture]:
        """The results by guide, 8-bit `[H, W, 3]`.

        Args:
            picture: 8-bit `[H, W, 3]`.
            hole: bool `[H, W]`, True = hole, with some known pixels.
            finished: the network's result in place, `[3, H, W]` in [0, 1].
        """
        check_sources(hole)
        library = load_patchmatch()
        library.set_random_seed(self.seed)

        def copy(guide: Guide) -> Picture:
            if np.ptp(guide, axis=(0, 1)).max() == 0:  # steers nowhere; the plain search is five times faster
                return library.inpaint(picture, hole, patch_size=self.patch_size)
            coordinates = np.dstack([guide, np.zeros(guide.shape[:2], np.float32)])
            size, weight = self.patch_size, self.weight
            return library.inpaint_regularity(
                picture, hole, coordinates, patch_size=size, guide_weight=weight
            )

        maps = [guide(finished, self.network.encode) for guide in self.guides.values()]
        return dict(zip(self.guides, in_threads(copy, maps)))

    def card(self) -> dict[str, Any]:
        """The network's card, and how it steers."""
        steering = {"guides": list(self.guides), "weight": self.weight}
        curation = {"blur": self.curator.blur, "seam_weight": self.curator.seam_weight}
        search = {"patch_size": self.patch_size, "seed": self.seed}
        return {"guide": self.network.card(), **steering, "curation": curation, **search}

    def _fill_one(self, masked_image: Tensor, mask: Tensor, finished: Tensor) -> Tensor:
        hole = mask[0].cpu().numpy() > 0.5
        if not hole.any():
            return masked_image
        results = self.candidates(to_picture(masked_image), hole, finished)
        chosen = self.curator.choose(results, hole, to_picture(finished))
        return from_picture(results[chosen], masked_image)


def load_guided_patchmatch(
    checkpoint: str | None,
    guides: Mapping[str, GuideMaker],
    curator: Curator,
    weight: float = 0.1,
    patch_size: int = 3,
    seed: int = 0,
    device: str = "auto",
) -> GuidedPatchMatch:
    """Guided PatchMatch with a network from a checkpoint; None is the network that comes with the package.

    Raises:
        FileNotFoundError: no such checkpoint, or the package comes without a network.
        ValueError: not one checkpoint.
    """
    network = load_network(checkpoint or FAST, device=device)
    return GuidedPatchMatch(network, guides, curator, weight, patch_size, seed)
