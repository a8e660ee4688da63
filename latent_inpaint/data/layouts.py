"""How a data folder is arranged: which of its pictures train and which validate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from latent_inpaint.data.crops import CENTRE, Anchor
from latent_inpaint.data.listing import Listing, existing_folder, list_pictures, name_hash

HELD_OUT = ("val", "valid", "validation", "test")
"""Names of folders whose pictures never train; where several are there, the first ones validate."""


@dataclass(frozen=True)
class Splits:
    """The pictures of a data set.

    Attributes:
        train: training pictures; may be empty when the data only serve an evaluation.
        val: validation pictures, disjoint from them.
        anchors: positions of the validation crops in each picture.
        description: what was found, for the user.
        whole: all pictures, where the division is ours and an evaluation measures all.
    """

    train: Listing
    val: Listing
    anchors: Sequence[Anchor] = (CENTRE,)
    description: str = ""
    whole: Listing | None = None


class Layout(Protocol):
    """Finds the pictures of a data set."""

    def splits(self, root: str | None) -> Splits:
        """Lists the pictures below `root`; raises FileNotFoundError or ValueError when there are none."""


@dataclass(frozen=True)
class FolderLayout:
    """Any tree of pictures.

    Folders called `val`, `valid`, `validation` or `test`, in any case and at any depth, never train: those
    of the first of these names that occurs validate, the rest is left out. Beside one of them, `train/` is
    all that trains; without it, everything else does. In a tree without such folders a picture validates
    when the hash of its relative path falls into the first `val_fraction` of the range: the choice does not
    depend on the seed, nor on other pictures, except that each side gets at least one picture if both are
    wanted.

    Args:
        val_fraction: 0 (training only) to 1 (evaluation only); None is a tenth, and all in an evaluation.
    """

    val_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.val_fraction is not None and not 0 <= self.val_fraction <= 1:
            raise ValueError(f"val_fraction: expected null or a number from 0 to 1, got {self.val_fraction}")

    def splits(self, root: str | None) -> Splits:
        """Lists `root`."""
        if root is None:
            raise ValueError("data.root: expected a folder with pictures, got null; give data.root=DIR")
        folder = existing_folder(root)
        below = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
        held = next((below[name] for name in HELD_OUT if name in below), None)
        if held is not None and "train" in below:
            if below["train"].resolve() == held.resolve():
                raise ValueError(f"data.root: {below['train']} and {held} are one folder")
            train, val = list_pictures(below["train"]), list_pictures(held)
            return Splits(
                _without_held_out(train), val, description=f"{below['train'].name}/ and {held.name}/"
            )
        pictures = list_pictures(folder)
        found = [_held_out(name) for name in pictures.names]
        chosen = next((name for name in HELD_OUT if name in found), None)
        if chosen is None:
            return self.by_hash(pictures)
        val = pictures.select([i for i, name in enumerate(found) if name == chosen])
        val = val if held is None else list_pictures(held)
        others = ", ".join(f"{name}/" for name in HELD_OUT if name in found)
        return Splits(_without_held_out(pictures), val, description=f"all but {others}, and {chosen}/")

    def by_hash(self, pictures: Listing) -> Splits:
        """A tree without a split."""
        fraction = 0.1 if self.val_fraction is None else self.val_fraction
        order = sorted(range(len(pictures)), key=lambda i: name_hash(pictures.names[i]))
        n_val = sum(name_hash(name) < fraction * 2**64 for name in pictures.names)
        if 0 < fraction < 1:
            if len(pictures) < 2 and self.val_fraction is not None:
                raise ValueError(f"expected at least 2 pictures to train and validate, {pictures.root} has 1")
            n_val = min(max(n_val, 1), len(pictures) - 1)
        val, train = sorted(order[:n_val]), sorted(order[n_val:])
        description = f"one tree, {n_val} of {len(pictures)} pictures validate (by name hash)"
        whole = pictures if self.val_fraction is None else None
        return Splits(pictures.select(train), pictures.select(val), description=description, whole=whole)


def _held_out(name: str) -> str | None:
    """The folder of `HELD_OUT` that a picture lies in, the first in that order."""
    folders = {folder.lower() for folder in name.split("/")[:-1]}
    return next((held for held in HELD_OUT if held in folders), None)


def _without_held_out(pictures: Listing) -> Listing:
    return pictures.select([i for i, name in enumerate(pictures.names) if _held_out(name) is None])
