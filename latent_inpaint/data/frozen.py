"""Frozen evaluation masks: a manifest names preset, size, seed and count, and the checksum of the bits.

The masks themselves are drawn again wherever they are needed. Drawing is deterministic for one OpenCV and
one NumPy; the checksum tells when another version draws differently.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.mask_sources import MaskSource
from latent_inpaint.data.masks import preset
from latent_inpaint.data.seeding import Stream, generator_for
from latent_inpaint.files import read_json, write_json
from latent_inpaint.resources import masks_folder

FIRST = 50
_MAX_BITS = 2**35  # 4 GiB of masks


@dataclass(frozen=True)
class Manifest:
    """A frozen set of masks.

    Attributes:
        preset: name of the generator, see `latent_inpaint.data.masks.preset`.
        size: side of the masks in pixels.
        seed: mask i is drawn with the generator seeded by (seed, i).
        count: number of masks.
        mean_hole_fraction: over all masks.
        checksum: SHA-256 of the masks' bits, packed row by row (`numpy.packbits`), in order.
        checksum_first: the same of the first 50 masks, for a quick test.
        drawn_with: versions with which the checksums were made.
    """

    preset: str
    size: int
    seed: int
    count: int
    mean_hole_fraction: float
    checksum: str
    checksum_first: str
    drawn_with: dict[str, str]

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Reads a JSON manifest.

        Args:
            path: the file; a relative path is looked for here, then beside the package's masks/.

        Raises:
            FileNotFoundError: no such file, with the manifests that there are.
            ValueError: not a manifest.
        """
        found = _find(Path(path))
        content = read_json(found)
        if not isinstance(content, dict) or set(content) != set(_TYPES):
            raise ValueError(f"mask manifest {found}: expected the keys {', '.join(_TYPES)}")
        wrong = [key for key, kind in _TYPES.items() if not isinstance(content[key], kind)]
        fits = not wrong and 1 <= content["count"] <= 1_000_000 and 16 <= content["size"] <= 8192
        if not fits or content["count"] * content["size"] ** 2 > _MAX_BITS:
            raise ValueError(
                f"mask manifest {found}: unusable values for {', '.join(wrong) or 'count or size'}"
            )
        return cls(**content)

    def write(self, path: str | Path) -> None:
        """Writes it as JSON."""
        write_json(path, asdict(self))


_TYPES = {
    "preset": str,
    "size": int,
    "seed": int,
    "count": int,
    "mean_hole_fraction": float,
    "checksum": str,
    "checksum_first": str,
    "drawn_with": dict,
}


def draw(preset_name: str, size: int, seed: int, count: int) -> np.ndarray:
    """Draws the masks of a set.

    Returns:
        uint8 `[count, ⌈size² / 8⌉]`, the bits of each mask packed.
    """
    generator = preset(preset_name, size)
    rngs = (generator_for(Stream.EVALUATION_MASK, seed, index=index) for index in range(count))
    return np.stack([np.packbits(generator(rng)) for rng in rngs])


def checksum(packed: np.ndarray) -> str:
    """SHA-256 of packed masks."""
    return hashlib.sha256(np.ascontiguousarray(packed).tobytes()).hexdigest()


def freeze(preset_name: str, size: int, seed: int, count: int) -> Manifest:
    """Draws a set of masks and describes it."""
    packed = draw(preset_name, size, seed, count)
    fraction = np.unpackbits(packed, axis=1, count=size * size).mean()
    return Manifest(
        preset=preset_name,
        size=size,
        seed=seed,
        count=count,
        mean_hole_fraction=round(float(fraction), 6),
        checksum=checksum(packed),
        checksum_first=checksum(packed[:FIRST]),
        drawn_with=_versions(),
    )


class FrozenMasks(MaskSource):
    """The masks of a manifest; sample i gets mask i modulo their number.

    All are drawn and their checksum is compared before the first is given out.

    Args:
        manifest: path of the manifest, see `Manifest.read`.
    """

    def __init__(self, manifest: str) -> None:
        self.path = manifest
        self.manifest = Manifest.read(manifest)

    @cached_property
    def _packed(self) -> np.ndarray:
        wanted = self.manifest
        packed = draw(wanted.preset, wanted.size, wanted.seed, wanted.count)
        drawn = checksum(packed)
        if drawn != wanted.checksum:
            raise RuntimeError(
                f"mask manifest {self.path}: the masks drawn here have the checksum {drawn[:16]}…, not "
                f"{wanted.checksum[:16]}…, so figures would not be comparable. Either the manifest was "
                f"changed, or this OpenCV's line drawing (or this NumPy's random numbers) differs from the "
                f"original's: here {_versions()}, the manifest was made with {wanted.drawn_with}"
            )
        return packed

    def prepare(self, pictures: Sequence[str] = ()) -> None:
        """Draws all masks and compares the checksum.

        Raises:
            RuntimeError: it differs; names both and the versions.
        """
        _ = self._packed

    def mask(self, index: int, name: str, crop: Crop) -> np.ndarray:
        """See `MaskSource.mask`; raises ValueError when the set is of another size than the crops."""
        size = self.manifest.size
        if crop.size != size:
            raise ValueError(
                f"mask manifest {self.path} is for size {size}, the crops have data.size={crop.size}"
            )
        bits = np.unpackbits(self._packed[index % self.manifest.count], count=size * size)
        return bits.view(bool).reshape(size, size)

    def card(self) -> dict[str, Any]:
        """Preset, size, seed, count and checksum."""
        content = asdict(self.manifest)
        return {key: content[key] for key in ("preset", "size", "seed", "count", "checksum")}


def _versions() -> dict[str, str]:
    return {"opencv": cv2.__version__, "numpy": np.__version__}


def _find(path: Path) -> Path:
    for candidate in (path.expanduser(), masks_folder().parent / path):
        if candidate.is_file():
            return candidate
    there = sorted(found.name for found in masks_folder().glob("*.json"))
    raise FileNotFoundError(
        f"mask manifest {path} does not exist; in masks/ there are {', '.join(there) or 'none'}"
    )
