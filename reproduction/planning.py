"""What is there of each run, and what is to be done: nothing, go on, start, or say why not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from latent_inpaint.evaluation.card import source_sha256
from latent_inpaint.evaluation.files import ROWS_NAME, read_rows
from latent_inpaint.files import read_json
from latent_inpaint.instantiate import instantiate
from latent_inpaint.models.storage import WEIGHTS_NAME, description_file
from latent_inpaint.training.pretraining import RECIPE_NAME, fingerprint
from latent_inpaint.training.run import autoencoder_recipe
from reproduction.configuration import STEPS, composed, differences, facts, same_recipe
from reproduction.rows import Row, Run, runs_of
from reproduction.settings import Settings


class State(Enum):
    """What is there of a run."""

    FINISHED = "finished"
    STARTED = "started"
    NEW = "not run yet"
    REFUSED = "refused"


@dataclass(frozen=True)
class Planned:
    """A run with what is there of it.

    Attributes:
        run: the run.
        state: what is there.
        reason: why it cannot be trained; empty where it can.
        recipe: what determines its autoencoder (JSON values); None: it needs no stage 1.
    """

    run: Run
    state: State
    reason: str = ""
    recipe: Mapping[str, Any] | None = None


class Plan:
    """All runs of some rows; their configurations are composed once.

    Args:
        rows: the rows.
        settings: of all runs.
        conf: folder of the configuration files.
    """

    def __init__(self, rows: Sequence[Row], settings: Settings, conf: Path) -> None:
        self.rows, self.settings = rows, settings
        data: dict[str, Any] = {}
        self._prepared = {row.name: _prepared(row, settings, conf, data) for row in rows}

    def look(self) -> list[Planned]:
        """The runs in their order, with what is there of each now."""
        return [_planned(run, self._prepared[run.row.name], self.settings) for run in runs_of(self.rows)]


@dataclass(frozen=True)
class _Prepared:
    """A row's configuration, its autoencoder's recipe and the list of its held-out pictures, or an error."""

    cfg: DictConfig | None = None
    recipe: Mapping[str, Any] | None = None
    pictures: str = ""
    error: str = ""


def _prepared(row: Row, settings: Settings, conf: Path, known: dict[str, Any]) -> _Prepared:
    """A row made ready; `known` keeps the data modules, so that rows of equal data share one."""
    try:
        cfg = composed(conf, settings.overrides(Run(row, row.seeds[0])))
    except (HydraException, OmegaConfBaseException) as error:
        return _Prepared(error=str(error).splitlines()[0])
    described = OmegaConf.to_yaml(cfg.data, resolve=True)
    if described not in known:
        known[described] = instantiate(cfg.data)
    data = known[described]
    recipe = None if cfg.autoencoder.training is None else autoencoder_recipe(cfg, data)
    return _Prepared(cfg, recipe, data.val_file_list_hash())


def _planned(run: Run, prepared: _Prepared, settings: Settings) -> Planned:
    if prepared.cfg is None:
        return Planned(run, State.REFUSED, prepared.error)
    cfg = prepared.cfg.copy()
    cfg.seed = run.seed
    wanted = facts(cfg, settings.autoencoders)
    folder = settings.folder(run)
    there = _configuration(folder)
    if there is None:
        return Planned(run, State.NEW, recipe=prepared.recipe)
    had = facts(there, settings.autoencoders)
    differing = differences(had, wanted)
    if differing == [STEPS] and had[STEPS] < wanted[STEPS]:
        return Planned(run, State.STARTED, recipe=prepared.recipe)  # it goes on to more steps
    if differing not in ([], [STEPS]):  # a longer one has these steps in it
        return Planned(run, State.REFUSED, f"{run.name} holds another run: {_said(differing, had, wanted)}")
    pictures = evaluated_pictures(folder, run.row.name)
    if pictures not in (None, prepared.pictures):
        return Planned(run, State.REFUSED, f"{run.name} was evaluated on other held-out pictures")
    state = State.STARTED if pictures is None else State.FINISHED
    return Planned(run, state, recipe=prepared.recipe)


def _configuration(folder: Path) -> Mapping[str, Any] | DictConfig | None:
    """The configuration that a run's weights come from; of a run without weights, the one it began with."""
    card, begun = description_file(folder / "model"), folder / "config.yaml"
    if card.is_file():
        return read_json(card)["card"]["config"]
    if begun.is_file() and begun.stat().st_size:
        config = OmegaConf.load(begun)
        assert isinstance(config, DictConfig)
        return config
    return None


def evaluated_pictures(folder: Path, method: str) -> str | None:
    """The list of pictures that the saved weights were evaluated on; None if they were not."""
    if not ((folder / ROWS_NAME).is_file() and (folder / "model").is_dir()):
        return None
    rows = [row for row in read_rows(folder / ROWS_NAME) if row["method"] == method]
    weights = source_sha256(folder / "model")
    cards = [row["card"] for row in rows if row["card"].get("checkpoint_sha256") == weights]
    return cards[0]["data"]["file_list_sha256"] if cards else None


def _said(keys: Sequence[str], had: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    shown = [f"{key} is {had.get(key)}, asked for is {wanted.get(key)}" for key in keys[:3]]
    more = [f"and {len(keys) - 3} more"] if len(keys) > 3 else []
    return "; ".join([*shown, *more])


def autoencoder_for(planned: Planned, cache: Path) -> tuple[bool, Path | None]:
    """Whether a run can start now, and the pretrained autoencoder to give it.

    The cache's autoencoder of the same recipe is used by all seeds; where it is not there yet, a row's first
    seed pretrains it and the others wait.
    """
    if planned.recipe is None:
        return True, None
    for path in sorted(cache.glob(f"*/{RECIPE_NAME}")):
        recipe = json.loads(path.read_text(encoding="utf-8"))
        current = fingerprint(recipe) == path.parent.name
        there = (path.parent / "model" / WEIGHTS_NAME).is_file()
        if current and there and same_recipe(recipe, planned.recipe):
            return True, path.parent
    return planned.run.seed == planned.run.row.seeds[0], None
