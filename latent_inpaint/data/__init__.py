"""Pictures and hole masks: reading, augmentation, generators and the data modules."""

from __future__ import annotations

from collections.abc import Sequence
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
    """

    image: torch.Tensor
    mask: torch.Tensor
    name: list[str]
    target: torch.Tensor | None = None
    composites: bool = True

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
        return Batch(self.image[chosen], self.mask[chosen], names, target, self.composites)


def collated(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    import torch

    images, masks, names, targets, composites = zip(*batches)
    target = None if targets[0] is None else torch.cat(targets)
    every = [name for batch in names for name in batch]
    return Batch(torch.cat(images), torch.cat(masks), every, target, composites[0])
