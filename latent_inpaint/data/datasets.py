"""Datasets of pictures with masks, without Lightning."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from latent_inpaint.data import Batch, joined_latents
from latent_inpaint.data.crops import CENTRE, Anchor, Crop
from latent_inpaint.data.listing import Listing
from latent_inpaint.data.mask_sources import MaskSource, NoMaskError, hole_in
from latent_inpaint.data.masks import MaskGenerator, preset
from latent_inpaint.data.photos import UnreadablePicture, read_picture
from latent_inpaint.data.sampler import SampleKey
from latent_inpaint.data.seeding import Stream, generator_for
from latent_inpaint.data.training_masks import PictureMasks, drawn, fitted

_CROPS = 10

log = logging.getLogger(__name__)

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def to_sample(
    image: np.ndarray,
    mask: np.ndarray,
    name: str,
    target: np.ndarray | None = None,
    composites: bool = True,
) -> Batch:
    """uint8 `[H, W, 3]`, bool `[H, W]` and a target like the image as one unbatched sample."""
    hole = torch.from_numpy(np.ascontiguousarray(mask[None])).float()
    return Batch(_pixels(image), hole, name, None if target is None else _pixels(target), composites)  # type: ignore[arg-type]


def _pixels(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def collate(samples: Sequence[Batch | None]) -> Batch | None:
    """Stacks samples; unreadable ones (None) are left out, and a batch without any other is None."""
    readable = [sample for sample in samples if sample is not None]
    if not readable:
        return None
    images, masks, names, targets, composites, latents = zip(*readable)
    target = None if targets[0] is None else torch.stack(targets)
    kept = joined_latents(latents, torch.stack)
    return Batch(torch.stack(images), torch.stack(masks), list(names), target, composites[0], kept)


class Targets:
    """What pictures should become, read by the pictures' names.

    Args:
        paths: file of each.
        composites: whether fills are put into the pictures.
    """

    def __init__(self, paths: Mapping[str, Path], composites: bool) -> None:
        self.paths, self.composites = paths, composites

    def read(self, name: str, shape: tuple[int, ...], max_short_side: int | None) -> np.ndarray:
        """uint8 `[H, W, 3]`.

        Raises:
            ValueError: it has not the picture's size.
        """
        target = read_picture(self.paths[name], max_short_side)
        if target.shape != shape:
            sizes = [f"{size[1]}×{size[0]}" for size in (shape, target.shape)]
            raise ValueError(f"{self.paths[name]}: expected the source's size {sizes[0]}, got {sizes[1]}")
        return target


class PictureReader:
    """Reads the pictures of a listing and remembers, across worker processes, which are unreadable.

    Args:
        listing: the files.
        max_short_side: larger pictures are reduced to this short side (see `read_picture`).
        cache_mb: keep decoded pictures until they take this much memory, per process; 0 keeps none.
    """

    def __init__(self, listing: Listing, max_short_side: int | None = None, cache_mb: float = 0) -> None:
        self.listing = listing
        self.max_short_side = max_short_side
        self._unreadable = torch.zeros(len(listing), dtype=torch.bool).share_memory_()
        self._cache: dict[int, np.ndarray] = {}
        self._cache_room = cache_mb * 2**20

    def __len__(self) -> int:
        return len(self.listing)

    def read(self, index: int) -> np.ndarray | None:
        """uint8 `[H, W, 3]`, or None for an unreadable file: the first time with a warning that names it."""
        if self._unreadable[index]:
            return None
        if index in self._cache:
            return self._cache[index]
        try:
            picture = read_picture(self.listing.path(index), self.max_short_side)
        except UnreadablePicture as error:
            self.skip(index, error)
            return None
        if picture.nbytes <= self._cache_room:
            self._cache[index] = picture
            self._cache_room -= picture.nbytes
        return picture

    def skip(self, index: int, reason: Exception) -> None:
        """Leaves a picture out from now on, with a warning."""
        self._unreadable[index] = True
        log.warning("skipped: %s", reason)

    def unreadable(self) -> list[str]:
        """Names of the files that were left out so far."""
        return [self.listing.names[i] for i in torch.nonzero(self._unreadable).flatten().tolist()]


class TrainDataset(Dataset):
    """Augmented crops with masks; sample (epoch, index) depends on nothing but these and the seed.

    Masks that belong to pictures go with them; of ten crops the first one is taken that has a hole, and more
    than a hole.

    An unreadable picture is replaced by the next one in the listing that can be read, drawn with the
    random numbers of the sample that it stands in for.
    """

    def __init__(
        self, reader: PictureReader, transform: Transform, masks: MaskGenerator | PictureMasks, seed: int
    ) -> None:
        if isinstance(masks, PictureMasks):
            if not hasattr(transform, "together"):
                raise ValueError(f"train_transform: expected a method together, for masks, got {transform!r}")
            masks.prepare(reader.listing.names)
        self.reader = reader
        self.transform = transform
        self.masks = masks
        self.seed = seed
        self.targets: Targets | None = None
        self.otherwise: MaskGenerator | None = None

    def __getitem__(self, key: SampleKey) -> Batch:
        epoch, index = key
        picture, name = self._readable_from(index)
        rng = generator_for(Stream.AUGMENTATION, self.seed, epoch, index)
        mask, belongs = drawn(self.masks, name, generator_for(Stream.MASK, self.seed, epoch, index))
        if belongs:
            return self._augmented(picture, fitted(mask, picture.shape[:2], name), name, rng)
        image = self.transform(picture, rng)
        if mask.shape != image.shape[:2]:
            raise ValueError(f"train_masks: expected the crop's size {image.shape[:2]}, got {mask.shape}")
        return to_sample(image, mask, name)

    def _augmented(self, picture: np.ndarray, hole: np.ndarray, name: str, rng: np.random.Generator) -> Batch:
        """Crops with hole are tried for; what is left is a hole of `otherwise`."""
        parts, composites = {"image": picture, "mask": hole.astype(np.uint8)}, True
        if self.targets is not None:
            parts["target"] = self.targets.read(name, picture.shape, self.reader.max_short_side)
            composites = self.targets.composites
        for _ in range(_CROPS):
            cut = self.transform.together(rng, **parts)  # type: ignore[attr-defined]
            mask = cut["mask"] > 0
            if mask.any() and not mask.all():
                break
        else:
            mask = (self.otherwise or preset("train", mask.shape[0]))(rng)
        return to_sample(cut["image"], mask, name, cut.get("target"), composites)

    def _readable_from(self, index: int) -> tuple[np.ndarray, str]:
        total = len(self.reader)
        for candidate in (number % total for number in range(index, index + total)):
            picture = self.reader.read(candidate)
            if picture is not None:
                return picture, self.reader.listing.names[candidate]
        raise RuntimeError(f"none of the {total} pictures in {self.reader.listing.root} can be read")


class ValDataset(Dataset):
    """Fixed crops with one fixed mask each; what has no picture or no mask gives None (see `collate`).

    Args:
        reader: the validation pictures, in full size: masks from files must fit them.
        masks: gives sample `index` its mask.
        size: side of the crops.
        short_side: pictures are first resized to this short side; None keeps their size.
        max_short_side: without `short_side`, larger pictures are reduced to this short side.
        anchors: where the crops of each picture lie; the crops of one picture are consecutive samples.
    """

    def __init__(
        self,
        reader: PictureReader,
        masks: MaskSource,
        size: int,
        short_side: int | None = None,
        max_short_side: int | None = None,
        anchors: Sequence[Anchor] = (CENTRE,),
    ) -> None:
        self.reader = reader
        self.masks = masks
        self.size = size
        self.short_side = short_side
        self.max_short_side = max_short_side
        self.anchors = tuple(anchors)
        self.targets: Targets | None = None

    def __len__(self) -> int:
        return len(self.reader) * len(self.anchors)

    def __getitem__(self, index: int) -> Batch | None:
        number, view = divmod(index, len(self.anchors))
        picture = self.reader.read(number)
        if picture is None:
            return None
        name, shape = self.reader.listing.names[number], (picture.shape[0], picture.shape[1])
        crop = Crop.of(shape, self.size, self.short_side, self.anchors[view], self.max_short_side)
        try:
            mask = hole_in(self.masks, index, name, crop)
        except NoMaskError as error:
            self.reader.skip(number, error)
            return None
        shown = name if len(self.anchors) == 1 else f"{name}#{view}"
        if self.targets is None:
            return to_sample(crop.image(picture), mask, shown)
        target = crop.image(self.targets.read(name, picture.shape, None))
        return to_sample(crop.image(picture), mask, shown, target, self.targets.composites)
