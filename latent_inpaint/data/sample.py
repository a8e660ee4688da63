"""Photographs that come inside scikit-image and scikit-learn: a data set without a download."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from latent_inpaint.data.layouts import Splits
from latent_inpaint.data.listing import Listing

_SKIMAGE, _SKLEARN = "skimage/data", "sklearn/datasets/images"

# Colour photographs only: no drawings, no graphs, no grey pictures. The stereo pair stays on one side, and
# the only landscape is trained on: a network that never saw a sky cannot encode one.
TRAIN = (
    f"{_SKIMAGE}/astronaut.png",
    f"{_SKIMAGE}/hubble_deep_field.jpg",
    f"{_SKIMAGE}/ihc.png",
    f"{_SKIMAGE}/motorcycle_left.png",
    f"{_SKIMAGE}/motorcycle_right.png",
    f"{_SKIMAGE}/retina.jpg",
    f"{_SKIMAGE}/rocket.jpg",
    f"{_SKLEARN}/china.jpg",
)
VAL = (f"{_SKIMAGE}/chelsea.png", f"{_SKIMAGE}/coffee.png", f"{_SKLEARN}/flower.jpg")

# Nine fixed crops of each validation picture, from corner to corner.
ANCHORS = tuple((y, x) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0))


@dataclass(frozen=True)
class SampleLayout:
    """Eight pictures to train on and nine crops of each of three others to validate on."""

    def splits(self, root: str | None) -> Splits:
        """Finds the pictures inside the installed packages.

        Raises:
            ValueError: `root` is given; the sample has none.
            FileNotFoundError: a package or a picture is missing.
        """
        if root is not None:
            raise ValueError(f"data.root: data=sample has no folder, got {root}; use data=folder data.root=…")
        site = _package_folder("skimage").parent
        if _package_folder("sklearn").parent != site:
            raise FileNotFoundError("scikit-image and scikit-learn are expected in the same environment")
        description = "photographs of scikit-image and scikit-learn"
        return Splits(_listing(site, TRAIN), _listing(site, VAL), ANCHORS, description)


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"data=sample needs the pictures inside {package}, which is not installed")
    return Path(spec.submodule_search_locations[0])


def _listing(site: Path, names: tuple[str, ...]) -> Listing:
    missing = [name for name in names if not (site / name).is_file()]
    if missing:
        raise FileNotFoundError(f"data=sample: not in this version of the packages: {', '.join(missing)}")
    return Listing(site, names, np.array([(site / name).stat().st_size for name in names], dtype=np.int64))
