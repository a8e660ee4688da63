"""What one call of `make reproduce` asks for, and the training command of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reproduction.rows import Run

VALIDATIONS = 20
"""Points of a curve."""


@dataclass(frozen=True)
class Settings:
    """Settings of all runs.

    Attributes:
        data: folder of pictures.
        outputs: folder of the runs.
        steps: of each run.
        autoencoder_steps: of stage 1.
        extra: Hydra overrides of all runs.
    """

    data: Path
    outputs: Path
    steps: int = 6000
    autoencoder_steps: int = 6000
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.data.is_dir():
            raise FileNotFoundError(f"{self.data}: no such folder of pictures (DATA=DIR)")
        for name in ("steps", "autoencoder_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")

    @property
    def autoencoders(self) -> Path:
        """The cache of pretrained autoencoders."""
        return self.outputs / "cache" / "autoencoder"

    def folder(self, run: Run) -> Path:
        """Where a run is."""
        return self.outputs / run.name

    def before(self, run: Run) -> Path:
        """The trained model that a run begins with."""
        return self.outputs / run.row.after / f"seed{run.seed}" / "model"

    def overrides(self, run: Run, autoencoder: Path | None = None) -> list[str]:
        """What follows `python bin/train.py`.

        Args:
            run: the run.
            autoencoder: folder of the pretrained autoencoder; None: the run pretrains it.
        """
        given = [f"autoencoder.checkpoint={quoted(autoencoder)}"] if autoencoder else []
        steps = self.steps * run.row.length
        if run.row.after:
            given.append(f"init_from={quoted(self.before(run))}")
        return [
            f"+experiment={run.row.experiment}",
            f"experiment_name={run.row.name}",
            "data=folder",
            f"data.root={quoted(self.data)}",
            f"autoencoder.max_steps={self.autoencoder_steps}",
            f"trainer.max_steps={steps}",
            f"trainer.val_check_interval={max(1, steps // VALIDATIONS)}",
            f"seed={run.seed}",
            f"run_name=seed{run.seed}",
            f"paths.outputs={quoted(self.outputs)}",
            "resume=auto",
            *run.row.overrides,
            *self.extra,
            *given,
        ]


def quoted(path: Path) -> str:
    """A path as a string in Hydra's grammar: it may have blanks, commas and the like."""
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
