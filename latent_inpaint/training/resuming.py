"""Resuming is what it says: a run goes on by its own configuration, and what would change it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

CONFIG_NAME = "config.yaml"
AUTO = "auto"
LAST = Path("checkpoints") / "last.ckpt"
RECIPE = (
    "experiment_name",
    "seed",
    "autoencoder",
    "model",
    "training",
    "losses",
    "adversaries",
    "stages",
    "data",
    "trainer",
)
"""Keys that say what a training is."""
MAY_CHANGE = (
    "autoencoder.checkpoint",
    "data.cache_mb",
    "data.num_workers",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.enable_model_summary",
    "trainer.enable_progress_bar",
    "trainer.log_every_n_steps",
    "trainer.max_steps",
    "trainer.max_time",
    "trainer.num_nodes",
    "trainer.val_check_interval",
)
"""Those of them that leave what is learned alone; more steps go on with it."""


def checkpoint_of(source: str) -> Path:
    """The checkpoint of a run's folder, or the checkpoint file itself.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(source).expanduser()
    checkpoint = path / LAST if path.is_dir() else path
    if not checkpoint.is_file():
        raise FileNotFoundError(f"resume={source}: no such checkpoint, expected a run's folder or its {LAST}")
    return checkpoint


def resumed_config(cfg: DictConfig, overrides: Iterable[str]) -> DictConfig:
    """The configuration of the run that `cfg.resume` names, changed where the command line says so.

    Args:
        cfg: what the command line composes.
        overrides: of the command line, in Hydra's grammar.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: the command line names another experiment.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    run = checkpoint_of(cfg.resume).resolve().parent.parent
    own = OmegaConf.load(run / CONFIG_NAME) if (run / CONFIG_NAME).is_file() else None
    if not isinstance(own, DictConfig):
        raise FileNotFoundError(
            f"resume={cfg.resume}: {run} has no {CONFIG_NAME}, which says what the run is"
        )
    own.resume = cfg.resume
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.package or override.key_or_group.replace("/", ".")
        if key == "experiment":
            _same_experiment(own, str(override.value()), str(cfg.resume))
        elif not key.startswith("hydra"):
            node = OmegaConf.select(cfg, key)
            OmegaConf.update(own, key, node, merge=False, force_add=True)
    return own


def check_same_training(cfg: DictConfig, run: Path) -> None:
    """Refuse to go on in a run's folder with a configuration that would train otherwise.

    Raises:
        ValueError: names the key, the run's value and the one that was given.
    """
    if not (run / CONFIG_NAME).is_file():
        return
    own = OmegaConf.load(run / CONFIG_NAME)
    assert isinstance(own, DictConfig)
    if cfg.trainer.max_steps < own.trainer.max_steps:
        had = f"{own.trainer.max_steps} in {run.name}"
        raise ValueError(f"resume: trainer.max_steps may only grow, got {cfg.trainer.max_steps}, {had}")
    before, now = _recipe(own), _recipe(cfg)
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old != new and not _may_change(key):
            longer = OmegaConf.merge(own, {"trainer": {"max_steps": cfg.trainer.max_steps}})
            assert isinstance(longer, DictConfig)
            hint = " (it follows from trainer.max_steps)" if _recipe(longer).get(key) == new else ""
            raise ValueError(
                f"resume: {key} is {old!r} in {run.name} and {new!r} here{hint}: that would be another "
                "training; leave it as it is, or begin a new run with init_from=RUN"
            )


def save_config(cfg: DictConfig, run: Path) -> None:
    """Write `config.yaml`, with what only the command's own process knows resolved."""
    saved = cfg.copy()
    OmegaConf.set_struct(saved, False)
    for key in ("run_name", "data_name", "masks_name"):
        saved[key] = str(cfg[key])
    OmegaConf.save(saved, run / CONFIG_NAME)


def _same_experiment(own: DictConfig, name: str, resume: str) -> None:
    if name != own.experiment_name:
        raise ValueError(f"resume={resume}: it is a run of {own.experiment_name}, not of experiment={name}")


def _recipe(cfg: DictConfig) -> dict[str, Any]:
    """Dotted key → value of what says what a training is."""
    found: dict[str, Any] = {}
    for name in RECIPE:
        node = OmegaConf.select(cfg, name)
        plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
        _flatten(name, plain, found)
    return found


def _flatten(key: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, child in value.items():
            _flatten(f"{key}.{name}", child, into)
    else:
        into[key] = None if value == {} else value


def _may_change(key: str) -> bool:
    return key in MAY_CHANGE or (key.startswith("stages.") and key.endswith(".max_steps"))
