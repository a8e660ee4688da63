"""What every data module has: the position in the training data, kept in checkpoints."""

from pytorch_lightning import LightningDataModule


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
