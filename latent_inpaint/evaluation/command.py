"""From the command line of `bin/evaluate.py` to an evaluation; imports little, so that `--help` is quick."""

from __future__ import annotations

import difflib
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from latent_inpaint.evaluation.methods import Method

log = logging.getLogger(__name__)

JOURNALS = ".interrupted"


def check_method_names(arguments: Sequence[str], folder: Path) -> None:
    """Refuse `methods=[…]` with a name that has no file in `folder`, with the names that are near.

    Args:
        arguments: the command line's overrides, in Hydra's grammar.
        folder: `conf/methods`.

    Raises:
        ValueError: names the unknown method, those that are near, and all.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    there = sorted(path.stem for path in folder.glob("*.yaml"))
    wanted = [argument for argument in arguments if argument.split("=")[0] == "methods"]
    try:
        overrides = OverridesParser.create().parse_overrides(wanted)
    except OverrideParseException:
        return  # Hydra says what is wrong with it
    for override in overrides:
        values = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
        for name in itertools.chain.from_iterable(_names(value) for value in values):
            if name not in there:
                raise ValueError(_unknown(name, there))


def build_methods(methods: DictConfig, checkpoint: str | Sequence[str] | None) -> list[Method]:
    """The configured methods, networks first, each named as its key; the networks' ceilings come last.

    A method whose library is not installed is left out with a warning.

    Args:
        methods: name → node with a `_target_`.
        checkpoint: network or networks to evaluate, whatever `latent_inpaint.load` reads.

    Raises:
        FileNotFoundError: a checkpoint that is not there.
        ValueError: a checkpoint without an inpainting network of ours.
    """
    from hydra.errors import InstantiationException

    from latent_inpaint.evaluation.ceiling import ceilings
    from latent_inpaint.evaluation.networks import load_network
    from latent_inpaint.instantiate import instantiate

    paths = [checkpoint] if isinstance(checkpoint, str) else list(checkpoint or ())
    built: list[Any] = [load_network(path) for path in paths]
    for name, node in methods.items():
        try:
            method = instantiate(node)
        except InstantiationException as error:
            if not isinstance(error.__cause__, ImportError):
                raise
            log.warning("%s is left out: %s", name, error.__cause__)
            continue
        method.name = getattr(method, "label", None) or str(name)
        built.append(method)
    _number_equal_names(built)
    return [*built, *ceilings(built)]


def run(cfg: DictConfig) -> Path | None:
    """Evaluate what `cfg` describes and return the folder with the results.

    Processes that torchrun or SLURM started share the pictures; the first one writes the results, the others
    return None.

    Raises:
        EvaluationInterrupted: by Ctrl-C; the message says how to go on.
    """
    from latent_inpaint.evaluation.leaderboard import add_rows, check_protocol
    from latent_inpaint.evaluation.session import common_card, compare, measure_share
    from latent_inpaint.files import new_folder
    from latent_inpaint.instantiate import instantiate
    from latent_inpaint.training.distributed import joined_processes, n_processes

    results = Path(cfg.paths.outputs) / "evaluate"
    journals = results / JOURNALS
    with joined_processes("auto") as first:
        methods = build_methods(cfg.methods, cfg.checkpoint)
        data = instantiate(cfg.data)
        data.setup("test")
        names = {"data": cfg.data_name, "masks": cfg.masks_name}
        suite = instantiate(cfg.metrics)
        board = None if cfg.leaderboard is None else Path(cfg.leaderboard).expanduser()
        if board is not None:
            check_protocol(board, common_card(data, suite, names))
        if n_processes() > 1:
            measure_share(methods, data, suite, names, journals, cfg.seed, cfg.samples)
    if not first:
        return None
    folder = new_folder(results / str(cfg.run_name))
    gallery = instantiate(cfg.gallery)
    rows = compare(
        methods,
        data,
        suite,
        folder,
        names,
        journals,
        gallery,
        cfg.seed,
        samples=cfg.samples,
        judge_steps=cfg.judge,
    )
    if board is not None:
        add_rows(board, rows)
    return folder


def _names(value: Any) -> list[str]:
    """Names in an override's value: a list, one name, or the text that a sweep makes of either."""
    parts = value if isinstance(value, list) else str(value).strip("[]").split(",")
    return [str(part).strip(" '\"") for part in parts if str(part).strip()]


def _unknown(name: str, there: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"methods: there is no method {name!r}; {hint}all methods: {', '.join(there)}"


def _number_equal_names(methods: Sequence[Any]) -> None:
    seen: dict[str, int] = {}
    for method in methods:
        count = seen[method.name] = seen.get(method.name, 0) + 1
        if count > 1:
            method.name = f"{method.name}-{count}"
