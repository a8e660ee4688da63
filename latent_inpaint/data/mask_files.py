"""Writing masks as PNG files for a folder of pictures."""

import logging
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.frozen import FrozenMasks
from latent_inpaint.data.listing import Listing
from latent_inpaint.data.mask_folders import LabelMasks
from latent_inpaint.data.mask_sources import MaskSource, NoMaskError, SeededMasks
from latent_inpaint.data.masks import preset
from latent_inpaint.data.outpainting import OutpaintingMasks
from latent_inpaint.data.photos import UnreadablePicture, read_picture

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What `write_masks` did.

    Attributes:
        count: number of masks.
        mean_hole_fraction: over all of them.
        skipped: names of pictures that could not be read or have no sensible mask.
    """

    count: int
    mean_hole_fraction: float
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        """A line for the command line."""
        hole = f"mean hole {self.mean_hole_fraction:.1%}"
        return f"{self.count} masks, {hole}, {len(self.skipped)} pictures skipped"


def source(
    preset_name: str, size: int, seed: int, manifest: str | None, labels: str | None, outpainting: bool
) -> MaskSource:
    """The masks that a command line asks for: a manifest, label maps, outpainting strips, else a preset."""
    if manifest is not None:
        return FrozenMasks(manifest)
    if labels is not None:
        return LabelMasks(labels, seed)
    return SeededMasks(OutpaintingMasks(size) if outpainting else preset(preset_name, size), seed)


def write_masks(
    pictures: Listing, masks: MaskSource, size: int, output: Path, with_pictures: bool = False
) -> Written:
    """Writes a mask (PNG, 255 = hole, 0 = known) for the centre crop of every picture.

    The picture is resized so that its short side is `size`, as in LaMa's protocol; the mask of
    `class/0001.jpg` becomes `class/0001_mask.png` below `output`.

    Args:
        pictures: for which masks are wanted.
        masks: where they come from.
        size: side of the crops in pixels.
        output: folder to write to, made when missing.
        with_pictures: write the cropped pictures beside the masks, as `class/0001.png`.

    Raises:
        ValueError: two pictures would share a mask's name, or `output` lies inside the pictures' folder.
    """
    names = [_mask_name(name) for name in pictures.names]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two pictures in {pictures.root} would share the mask {twice}: rename one")
    if output.resolve().is_relative_to(pictures.root.resolve()):
        raise ValueError(f"output: expected a folder outside of the pictures' {pictures.root}, got {output}")
    masks.prepare()
    fractions, skipped = [], []
    for index, (name, mask_name) in enumerate(zip(pictures.names, names)):
        try:
            picture = read_picture(pictures.path(index))
            crop = Crop.of((picture.shape[0], picture.shape[1]), size, short_side=size)
            mask = masks.mask(index, name, crop)
        except (UnreadablePicture, NoMaskError) as error:
            log.warning("skipped: %s", error)
            skipped.append(name)
            continue
        _save(np.where(mask, 255, 0), output / mask_name)
        if with_pictures:
            _save(crop.image(picture), output / PurePosixPath(name).with_suffix(".png"))
        fractions.append(float(mask.mean()))
    return Written(len(fractions), float(np.mean(fractions)) if fractions else 0.0, tuple(skipped))


def _mask_name(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}_mask.png"))


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
