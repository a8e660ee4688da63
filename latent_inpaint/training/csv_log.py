"""A CSV logger that goes on in the file of the run that is resumed (Lightning's deletes it)."""

from __future__ import annotations

import csv
import io
import os
import warnings
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment

from latent_inpaint.files import write_text


class AppendingCSVLogger(CSVLogger):
    """Writes `metrics.csv` straight into `save_dir`, after the rows that are there already.

    Args:
        save_dir: the run's folder.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="", flush_logs_every_n_steps=20)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Lightning's writer, made on first use."""
        if self._experiment is not None:
            return self._experiment
        path = Path(self.save_dir) / "metrics.csv"
        aside = path.with_suffix(".csv.tmp")
        earlier = path.is_file()
        if earlier:
            os.replace(path, aside)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Experiment logs directory")
            writer: Any = super().experiment
        if earlier:
            os.replace(aside, path)
            with path.open(newline="") as file:
                writer.metrics_keys = list(next(csv.reader(file), []))
        return writer


def forget_rows_after(path: Path, step: int) -> None:
    """Drop the rows an interrupted run wrote after its last checkpoint: the resumed run writes them again."""
    if not path.is_file():
        return
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        rows = [row for row in reader if row.get("step", "").isdigit() and int(row["step"]) < step]
    kept = io.StringIO(newline="")
    writer = csv.DictWriter(kept, names)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, kept.getvalue())
