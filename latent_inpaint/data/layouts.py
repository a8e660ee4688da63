"""How a data folder is arranged: which of its pictures train and which validate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from latent_inpaint.data.crops import CENTRE, Anchor
from latent_inpaint.data.listing import Listing, existing_folder, list_pictures, name_hash


@dataclass(frozen=True)
class Splits:
    """The pictures of a data set.

    Attributes:
        train: training pictures; may be empty when the data only serve an evaluation.
        val: validation pictures, disjoint from them.
        anchors: positions of the validation crops in each picture.
        description: what was found, for the user.
    """

    train: Listing
    val: Listing
    anchors: Sequence[Anchor] = (CENTRE,)
    description: str = ""


class Layout(Protocol):
    """Finds the pictures of a data set."""

    def splits(self, root: str | None) -> Splits:
        """Lists the pictures below `root`; raises FileNotFoundError or ValueError when there are none."""


@dataclass(frozen=True)
class FolderLayout:
    """Any tree of pictures.

    A folder with both `train/` and `val/` is taken at its word. Otherwise a picture validates when the hash
    of its relative path falls into the first `val_fraction` of the range: the choice does not depend on the
    seed, nor on other pictures, except that each side gets at least one picture if both are wanted.

    Args:
        val_fraction: 0 (training only) to 1 (evaluation only).
    """

    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.val_fraction <= 1:
            raise ValueError(f"val_fraction: expected a number from 0 to 1, got {self.val_fraction}")

    def splits(self, root: str | None) -> Splits:
        """Lists `root`."""
        if root is None:
            raise ValueError("data.root: expected a folder with pictures, got null; give data.root=DIR")
        folder = existing_folder(root)
        if (folder / "train").is_dir() and (folder / "val").is_dir():
            train, val = list_pictures(folder / "train"), list_pictures(folder / "val")
            return Splits(train, val, description="train/ and val/")
        return self._by_hash(list_pictures(folder))

    def _by_hash(self, pictures: Listing) -> Splits:
        order = sorted(range(len(pictures)), key=lambda i: name_hash(pictures.names[i]))
        n_val = sum(name_hash(name) < self.val_fraction * 2**64 for name in pictures.names)
        if 0 < self.val_fraction < 1:
            if len(pictures) < 2:
                raise ValueError(f"expected at least 2 pictures to train and validate, {pictures.root} has 1")
            n_val = min(max(n_val, 1), len(pictures) - 1)
        val, train = sorted(order[:n_val]), sorted(order[n_val:])
        description = f"one tree, {n_val} of {len(pictures)} pictures validate (by name hash)"
        return Splits(pictures.select(train), pictures.select(val), description=description)
