"""Pictures and hole masks: reading, augmentation, generators and the data modules."""

from __future__ import annotations

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
    """

    image: torch.Tensor
    mask: torch.Tensor
    name: list[str]
