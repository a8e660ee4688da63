"""`torch.compile` as an option: `callbacks=[default,compile]`."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class CompileRefiner(Callback):
    """Compiles the refiner, which has no graph breaks, when training starts; weights keep their names.

    Worth its minute of compiling on GPUs; on CPUs convolutions and FFTs are library calls either way.

    Args:
        backend: of `torch.compile`.
    """

    def __init__(self, backend: str = "inductor") -> None:
        self.backend = backend

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compile, after the averaging of the weights has made its copy; stage 1 has no refiner."""
        refiner = getattr(pl_module.model, "refiner", None)
        if refiner is not None:
            refiner.compile(backend=self.backend)
