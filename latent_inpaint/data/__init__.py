"""Pictures and hole masks: reading, augmentation, generators and the data modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class Batch(NamedTuple):
    """Pictures with their hole masks; one sample has the same fields without the batch axis.

    Attributes:
        image: float32 `[B, 3, H, W]`, RGB in [0, 1].
        mask: float32 `[B, 1, H, W]`, 1 = hole, only 0 and 1.
        name: the pictures' paths relative to their data folder, with `#k` for the k-th crop of a picture
            of which there are several.
        target: what the filled picture should be, `[B, 3, H, W]`, where that is not the picture itself.
        composites: whether fills are put into the picture, whose known pixels are kept.
        latents: what a cache holds of them, `[B, C, h, w]`: `target`, the picture's, and perhaps `masked`,
            the masked picture's.
    """

    image: torch.Tensor
    mask: torch.Tensor
    name: list[str]
    target: torch.Tensor | None = None
    composites: bool = True
    latents: Mapping[str, torch.Tensor] | None = None

    @property
    def truth(self) -> torch.Tensor:
        """What a filled picture is compared with, `[B, 3, H, W]`."""
        return self.image if self.target is None else self.target

    def filled(self, prediction: torch.Tensor) -> torch.Tensor:
        """The filled pictures: the prediction `[B, 3, H, W]`, put into the picture or as it is."""
        import torch

        if not self.composites:
            return prediction
        return torch.where(self.mask > 0.5, prediction.to(self.image.dtype), self.image)

    def part(self, indices: Sequence[int]) -> Batch:
        """The pictures of these numbers."""
        chosen = list(indices)
        target = None if self.target is None else self.target[chosen]
        names = [self.name[i] for i in chosen]
        latents = None if self.latents is None else {kind: z[chosen] for kind, z in self.latents.items()}
        return Batch(self.image[chosen], self.mask[chosen], names, target, self.composites, latents)


def collated(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    import torch

    images, masks, names, targets, composites, latents = zip(*batches)
    target = None if targets[0] is None else torch.cat(targets)
    every = [name for batch in names for name in batch]
    kept = joined_latents(latents, torch.cat)
    return Batch(torch.cat(images), torch.cat(masks), every, target, composites[0], kept)


def joined_latents(
    latents: Sequence[Mapping[str, torch.Tensor] | None],
    join: Callable[[list[torch.Tensor]], torch.Tensor],
) -> dict[str, torch.Tensor] | None:
    """Latents of several samples or batches as those of one; None where the first has none."""
    if latents[0] is None:
        return None
    return {kind: join([one[kind] for one in latents if one is not None]) for kind in latents[0]}
