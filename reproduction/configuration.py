"""Configurations compared by what they do: what determines a run's weights and numbers."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from latent_inpaint.training.config import register_resolvers

AUTO = "auto"
STEPS = "trainer.max_steps"
CHECKPOINT = "autoencoder.checkpoint"
# names, places, what is written down and how often, what is compared with: nothing the network depends on
NOT_COMPARED = (
    "experiment_name",
    "run_name",
    "data_name",
    "masks_name",
    "resume",
    "optimized_metric",
    "paths",
    "logger",
    "callbacks",
    "methods",
    "metrics",
    "data.root",
    "data.num_workers",
    "data.cache_mb",
    "trainer.val_check_interval",
    "trainer.log_every_n_steps",
    "trainer.num_sanity_val_steps",
    "trainer.enable_model_summary",
)
OFF = (None, False, 0, "")


def composed(conf: Path, overrides: list[str]) -> DictConfig:
    """The configuration of `bin/train.py` for a list of overrides.

    Raises:
        HydraException: there is no such experiment, group or key.
    """
    register_resolvers()
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        return compose("train", overrides=overrides)


def facts(config: DictConfig | Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """What determines a run, flat: dotted key → value.

    Args:
        config: as composed, as in `config.yaml`, or as on a model's card.
        cache: where pretrained autoencoders are: those are what `auto` would take.
    """
    register_resolvers()
    cfg = copy.deepcopy(config) if isinstance(config, DictConfig) else OmegaConf.create(dict(config))
    OmegaConf.set_struct(cfg, False)
    for key in NOT_COMPARED:
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(cfg, parent) if parent else cfg
        if node is not None and name in set(node):
            del node[name]  # `pop` and `in` would resolve the value, which may be one of Hydra's own
    flat = dict(_flat(OmegaConf.to_container(cfg, resolve=True)))
    ends = [key for key in flat if key.startswith("stages.") and key.endswith(".max_steps")]
    if len(ends) == 1 and flat[ends[0]] == flat.get(STEPS):  # the only stage is as long as the run
        del flat[ends[0]]
    checkpoint = flat.get(CHECKPOINT, AUTO)
    if flat.get("init_from"):  # another row's run, wherever the outputs are
        flat["init_from"] = "/".join(Path(flat["init_from"]).parts[-3:])
    if checkpoint != AUTO and Path(checkpoint).resolve().parent == cache.resolve():
        flat[CHECKPOINT] = AUTO
    return flat


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Keys in which two flat mappings differ. A key that only one of them knows may be an option that is off:
    the configuration gained it later."""
    both = one.keys() & other.keys()
    alone = {key: value for flat in (one, other) for key, value in flat.items() if key not in both}
    return sorted(
        [key for key in both if one[key] != other[key]]
        + [key for key, value in alone.items() if value not in OFF]
    )


def same_recipe(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recipes of an autoencoder (JSON values) are the same by function."""
    return not differences(dict(_flat(one)), dict(_flat(json.loads(json.dumps(other)))))


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flat(entry, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, list(value) if isinstance(value, tuple) else value
