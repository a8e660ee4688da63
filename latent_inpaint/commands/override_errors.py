"""Mistakes in the overrides of a command line, explained by the names that are near."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from latent_inpaint.near import near

NO_RUN = {"-h", "--help", "--hydra-help", "--version", "-i", "--info", "-sc", "--shell-completion"}
_CHOICE = re.compile(r"Could not find '(.+)/([^/]+)'\s*Available options in '[^']+':([^:]+)Config")
_KEY = re.compile(r"Could not override '([^']+)'|Error merging override \+?([^=]+)=")
OTHER_CONF = ("-cn", "--config-name", "-cp", "--config-path", "--experimental-rerun")


def check_overrides(name: str, arguments: Sequence[str], conf: Path) -> None:
    """Compose `conf/<name>.yaml` once, so that a mistake in an override becomes one clear line.

    Of a sweep's choices the first is taken. A command line that composes something else is left to Hydra.

    Args:
        name: of the primary configuration.
        arguments: of the command line, flags included.
        conf: folder of the configuration files.

    Raises:
        ValueError: an unknown key or choice, with those that are near.
    """
    from hydra.errors import HydraException, OverrideParseException

    if any(word in NO_RUN or word.split("=")[0] in OTHER_CONF for word in arguments):
        return
    try:
        overrides = _single(arguments)
    except OverrideParseException as error:
        raise ValueError(_one_line(error)) from error
    try:
        _compose(name, overrides, conf)
    except HydraException as error:
        raise ValueError(_explained(error, name, overrides, conf)) from error


def _compose(name: str, overrides: Sequence[str], conf: Path) -> DictConfig:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf), version_base="1.3"):
        return compose(name, overrides=list(overrides))


def _single(arguments: Sequence[str]) -> list[str]:
    """The overrides of one job: without flags, `--config-dir` as the search path that it stands for."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    words, folders, rest = [], [], iter(arguments)
    for word in rest:
        flag, _, value = word.partition("=")
        if flag in ("-cd", "--config-dir"):
            folders.append(value or next(rest, ""))
        elif flag in ("-p", "--package", "-c", "--cfg"):
            value or next(rest, "")
        elif not word.startswith("-"):
            words.append(word)
    parsed = OverridesParser.create().parse_overrides(words)
    single = []
    for word, override in zip(words, parsed):
        if override.is_sweep_override():
            first = next(iter(override.sweep_string_iterator()))
            word = f"{word.partition('=')[0]}={first}"
        single.append(word)
    path = ",".join(f"file://{Path(folder).absolute()}" for folder in folders)
    return [*single, f"hydra.searchpath=[{path}]"] if path else single


def _explained(error: Exception, name: str, overrides: Sequence[str], conf: Path) -> str:
    text = str(error)
    if choice := _CHOICE.search(text):
        group, wanted, there = choice[1], choice[2], choice[3].split()
        return f"{group}: there is no {wanted!r}{near(wanted, there)}; all: {', '.join(there)}"
    if key := _KEY.search(text):
        wanted = key[1] or key[2]
        good = [override for override in overrides if override.lstrip("+~").partition("=")[0] != wanted]
        try:
            there = list(keys(_compose(name, good, conf)))
        except Exception:  # there is more than one mistake
            there = []
        if wanted not in there:
            return f"there is no key {wanted}{near(wanted, there)}; --help lists all"
    return _one_line(error)


def keys(cfg: Any, prefix: str = "") -> Iterator[str]:
    """All dotted keys of a configuration."""
    for name in cfg:
        yield f"{prefix}{name}"
        node = cfg._get_node(name)
        if OmegaConf.is_dict(node) and not node._is_none() and not node._is_missing():
            yield from keys(node, f"{prefix}{name}.")


def _one_line(error: Exception) -> str:
    """Hydra's message and its cause's, without what it recommends."""
    cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
    return " ".join(re.sub(r"To append to your config use \S+", "", f"{error}{cause}").split())
