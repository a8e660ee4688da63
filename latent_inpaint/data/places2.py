"""Places2 (Places365-Standard) in the layouts that are in use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from latent_inpaint.data.index import indexed
from latent_inpaint.data.layouts import Splits
from latent_inpaint.data.listing import Listing, existing_folder, read_file_list

_LARGE = {
    "official, large pictures": ("data_large", "val_large"),
    "torchvision's names, large pictures": ("data_large_standard", "val_large"),
}
_SMALL = {
    "official, 256² pictures": ("data_256", "val_256"),
    "torchvision's names, 256² pictures": ("data_256_standard", "val_256"),
}
_EASY = {"easy format": ("train", "val")}
_LISTS = {
    "train": ("places365_train_standard.txt", "places365_train.txt", "places365_train_challenge.txt"),
    "val": ("places365_val.txt",),
}


@dataclass(frozen=True)
class Places2Layout:
    """Finds the training and validation pictures of Places2 below a folder.

    In this order: the folders of the official large tars (`data_large/`, `val_large/`), torchvision's names
    for them (`data_large_standard/`), the 256² tars (`data_256/`, `val_256/`) and torchvision's names
    (`data_256_standard/`), the easy format (`train/`, `val/`), each in `root` or in
    `root/places365_standard`; for a side that no folder gives, the official file lists
    (`places365_train_standard.txt`, `places365_val.txt`) with paths relative to `root`. The test pictures are
    not used. One side may be missing.

    Args:
        index_dir: where the index files are kept, outside of the data folder.
        prefer_small: take the 256² pictures when both sizes are there.
    """

    index_dir: str
    prefer_small: bool = False

    def splits(self, root: str | None) -> Splits:
        """Lists `root`.

        Raises:
            ValueError: `root` is null.
            FileNotFoundError: none of the layouts, with the list of what was looked for.
        """
        if root is None:
            raise ValueError("data.root: expected the folder of Places2, got null; give data.root=DIR")
        folder = existing_folder(root)
        train, val = self._side(folder, 0), self._side(folder, 1)
        if train is None and val is None:
            raise FileNotFoundError(f"data.root: no Places2 in {folder}; looked for {self._looked_for()}")
        nothing = "nothing", lambda: Listing(folder, [], np.zeros(0, dtype=np.int64))
        (train_from, list_train), (val_from, list_val) = train or nothing, val or nothing
        description = f"Places2, train: {train_from}, val: {val_from}"
        return Splits(list_train(), list_val(), description=description)

    def _layouts(self) -> dict[str, tuple[str, str]]:
        return _SMALL | _LARGE | _EASY if self.prefer_small else _LARGE | _SMALL | _EASY

    def _side(self, root: Path, side: int) -> tuple[str, Callable[[], Listing]] | None:
        """What was found for a side (0 training, 1 validation), and how to list it."""
        for base in (root, root / "places365_standard"):
            for layout, names in self._layouts().items():
                folder = base / names[side]
                if folder.is_dir():
                    return f"{layout} in {folder}", partial(indexed, folder, Path(self.index_dir))
        for name in _LISTS[("train", "val")[side]]:
            for path in (root / name, root / "filelist_places365-standard" / name):
                if path.is_file():
                    return f"file list {path}", partial(read_file_list, path, root)
        return None

    def _looked_for(self) -> str:
        folders = [f"{name}/" for names in self._layouts().values() for name in names]
        lists = [name for names in _LISTS.values() for name in names]
        return f"{', '.join(dict.fromkeys(folders))} (there or in places365_standard/) and {', '.join(lists)}"
