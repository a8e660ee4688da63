"""What every data module has: the position in the training data, kept in checkpoints."""

from itertools import islice

import torch
from pytorch_lightning import LightningDataModule

from latent_inpaint.data import Batch


class ResumableDataModule(LightningDataModule):
    """A data module whose training data go on where a checkpoint was written.

    The training module sets `images_seen` to the number of pictures that all processes together have used;
    an iteration of the training loader starts there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.images_seen = 0

    def state_dict(self) -> dict[str, int]:
        """The position in the training data, for the checkpoint."""
        return {"images_seen": self.images_seen}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Continues at the checkpoint's position; effective for loaders iterated afterwards."""
        self.images_seen = int(state_dict["images_seen"])

    def first_batches(self, count: int) -> list[Batch]:
        """The first `count` training batches, wherever training stands; draws no random number."""
        position, self.images_seen = self.images_seen, 0
        try:
            with torch.random.fork_rng(devices=[]):
                return list(islice(iter(self.train_dataloader()), count))
        finally:
            self.images_seen = position
