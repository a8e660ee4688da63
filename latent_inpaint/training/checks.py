"""Settings of Lightning's Trainer that would not do here what they say, refused before any training."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

PRECISIONS = ("32-true", "bf16-mixed")
_USE = {
    "gradient_clip_val": "training.gradient_clip, which every turn has",
    "gradient_clip_algorithm": "training.gradient_clip, which limits the norm",
    "fast_dev_run": "trainer.max_steps=1",
    "overfit_batches": "data.train_subset",
    "limit_train_batches": "trainer.max_steps",
    "max_epochs": "trainer.max_steps; pictures come without end",
    "min_epochs": "trainer.max_steps",
}


def check_trainer(trainer: DictConfig) -> None:
    """Refuse what cannot be honoured.

    Raises:
        ValueError: names the key, its value, and what to use.
    """
    for key, instead in _USE.items():
        if not _is_unset(key, trainer.get(key)):
            raise ValueError(f"trainer.{key}={trainer[key]}: not supported, use {instead}")
    _at_least_one(trainer, "max_steps")
    _at_least_one(trainer, "accumulate_grad_batches", unset=True)
    _at_least_one(trainer, "log_every_n_steps")
    interval = trainer.get("val_check_interval")
    if not isinstance(interval, int) or interval < 1:
        raise ValueError(
            f"trainer.val_check_interval must be a number of steps from 1 on, got {interval}; for no "
            "validation use trainer.limit_val_batches=0"
        )
    if str(trainer.get("precision")) not in PRECISIONS:
        raise ValueError(f"trainer.precision must be one of {', '.join(PRECISIONS)}, got {trainer.precision}")
    if trainer.get("strategy") is None and _n_devices(trainer.get("devices")) > 1:
        raise ValueError(
            f"trainer.devices={trainer.devices}: several processes need a strategy; add trainer=ddp"
        )
    if isinstance(trainer.get("strategy"), str):
        raise ValueError(f"trainer.strategy={trainer.strategy}: use trainer=ddp, which starts its processes")


def _is_unset(key: str, value: Any) -> bool:
    usual = {"max_epochs": -1, "limit_train_batches": 1.0}.get(key)
    return not value or value == usual


def _at_least_one(trainer: DictConfig, key: str, unset: bool = False) -> None:
    value = trainer.get(key)
    if not (unset and value is None) and not (isinstance(value, int) and value >= 1):
        raise ValueError(f"trainer.{key} must be at least 1, got {value}")


def _n_devices(devices: Any) -> int:
    if isinstance(devices, int):
        return devices
    return int(devices) if isinstance(devices, str) and devices.isdigit() else 1
