"""What a run ends with: the saved network beside the configured methods, on held-out pictures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from latent_inpaint.evaluation.card import source_sha256
from latent_inpaint.evaluation.ceiling import ceilings
from latent_inpaint.evaluation.command import build_methods
from latent_inpaint.evaluation.files import ROWS_NAME, read_rows
from latent_inpaint.evaluation.networks import load_network
from latent_inpaint.evaluation.session import compare
from latent_inpaint.instantiate import instantiate
from latent_inpaint.training.run import train

log = logging.getLogger(__name__)


def train_and_evaluate(cfg: DictConfig) -> Path:
    """Train what `cfg` describes, evaluate what came of it, and return the run's folder.

    The metrics' networks are built first: what is wrong with their files shows before hours of training.
    """
    suite = instantiate(cfg.metrics)

    def evaluate(datamodule: Any, run: Path) -> None:
        if is_evaluated(run):
            log.info("%s has the metrics of these weights; `latent-inpaint evaluate` measures anew", run)
            return
        network = load_network(str(run / "model"), cfg.experiment_name)
        methods = [network, *build_methods(cfg.methods, checkpoint=None), *ceilings([network])]
        pictures = datamodule.summary()["val_crops"]
        log.info("Evaluating %d methods on %d pictures (fewer: data.subset=N)", len(methods), pictures)
        names = {"data": cfg.data_name, "masks": cfg.masks_name}
        compare(methods, datamodule, suite, run, names, kept=Path(cfg.paths.cache) / "evaluations")

    return train(cfg, evaluate)


def is_evaluated(run: Path) -> bool:
    """Whether a run's folder holds the metrics of the weights that are saved there."""
    if not (run / ROWS_NAME).is_file():
        return False
    return read_rows(run / ROWS_NAME)[0]["card"].get("checkpoint_sha256") == source_sha256(run / "model")


def optimized_value(cfg: DictConfig, run: Path) -> float | None:
    """The network's `optimized_metric`, which a sweeper optimises; None where the configuration has none.

    Raises:
        ValueError: there is no such metric, or it could not be measured.
    """
    metric = cfg.get("optimized_metric")
    if metric is None:
        return None
    metrics = read_rows(run / ROWS_NAME)[0]["metrics"]
    if metrics.get(metric) is None:
        measured = ", ".join(name for name, value in metrics.items() if value is not None)
        raise ValueError(f"optimized_metric: expected one of {measured}, got {metric!r}")
    return float(metrics[metric])
