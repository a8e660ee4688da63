"""What every data module has: the position in the training data, kept in checkpoints, and what it decides."""

import copy
from itertools import islice
from typing import Any

import torch
from pytorch_lightning import LightningDataModule

from latent_inpaint.data import Batch
from latent_inpaint.data.datasets import Transform
from latent_inpaint.data.device_transforms import DeviceAugmentation
from latent_inpaint.data.loaders import end_workers, process
from latent_inpaint.data.seeding import Stream, generator_for


class ResumableDataModule(LightningDataModule):
    """A data module whose training data go on where a checkpoint was written.

    The training module sets `images_seen` to the number of pictures that all processes together have used;
    an iteration of the training loader starts there.

    Args:
        train_transform: augmentation, uint8 `[H, W, 3]` and a generator to uint8 `[size, size, 3]`.
        seed: of order, augmentation and masks.
        augment_on_device: the workers only cut, and whole training batches are augmented where they are
            trained on. A picture's augmentation depends on the seed and its number in the run.

    Raises:
        ValueError: `augment_on_device` is not a truth value, or the transform has no part for the device.
    """

    def __init__(self, train_transform: Transform, seed: int, augment_on_device: bool = False) -> None:
        super().__init__()
        self.images_seen = 0
        self.seed = seed
        self.train_transform = train_transform
        self.augment_on_device = augment_on_device
        self.worker_transform, self._augmentation = _divided(train_transform, augment_on_device)

    def with_batch_size(self, batch_size: int) -> Any:
        """The same pictures in batches of another size, from the first one on; they are not listed again."""
        other: Any = copy.copy(self)
        other.batch_size, other.images_seen, other.trainer = batch_size, 0, None
        return other

    def state_dict(self) -> dict[str, int]:
        """The position in the training data, for the checkpoint."""
        return {"images_seen": self.images_seen}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Continues at the checkpoint's position; effective for loaders iterated afterwards."""
        self.images_seen = int(state_dict["images_seen"])

    def teardown(self, stage: str) -> None:
        """End the loaders' processes; Lightning calls it when a fit has ended."""
        end_workers()

    def first_batches(self, count: int) -> list[Batch]:
        """The first `count` training batches, wherever training stands; draws no random number."""
        position, self.images_seen = self.images_seen, 0
        try:
            with torch.random.fork_rng(devices=[]):
                batches = islice(iter(self.train_dataloader()), count)
                world_size = process()[1]
                return [self.augmented(b, i * world_size * len(b.image)) for i, b in enumerate(batches)]
        finally:
            self.images_seen = position

    def transform_facts(self) -> dict[str, Any]:
        """What determines the augmentation, for a fingerprint."""
        facts: dict[str, Any] = {"transform": repr(self.train_transform)}
        return facts | {"augment_on_device": True} if self.augment_on_device else facts

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: training batches of every stage are augmented here, those of a validation not."""
        training = self.trainer is not None and self.trainer.training
        return self.augmented(batch, self.images_seen) if training else batch

    def augmented(self, batch: Batch, images_seen: int) -> Batch:
        """A training batch as the device augments it; as it is without `augment_on_device`.

        Args:
            batch: of this process.
            images_seen: pictures that all processes had used before it.
        """
        if self._augmentation is None:
            return batch
        first = images_seen + process()[0] * len(batch.image)
        numbers = range(first, first + len(batch.image))
        rngs = [generator_for(Stream.DEVICE_AUGMENTATION, self.seed, index=number) for number in numbers]
        return batch._replace(image=self._augmentation(batch.image, rngs))


def _divided(transform: Transform, on_device: bool) -> tuple[Transform, DeviceAugmentation | None]:
    if not isinstance(on_device, bool):
        raise ValueError(f"augment_on_device: expected true or false, got {on_device!r}")
    if not on_device:
        return transform, None
    if not hasattr(transform, "on_device"):
        raise ValueError(
            "augment_on_device: expected a train_transform with a method on_device, such as crop_flip, "
            f"distortions or few_pictures, got {transform!r}"
        )
    return transform.on_device()
