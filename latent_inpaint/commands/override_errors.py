"""Mistakes in the overrides of a command line, explained by the names that are near."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from latent_inpaint.near import near

_Options = Callable[[str], list[str]]
_Composed = Callable[[Sequence[str]], DictConfig]
NO_RUN = {"-h", "--help", "--hydra-help", "--version", "-i", "--info", "-sc", "--shell-completion"}
OTHER_CONF = {"-cn", "--config-name", "-cp", "--config-path", "--experimental-rerun"}
_SWEEP = {"-m", "--multirun"}
_WITH_VALUE = {"-p", "--package", "-c", "--cfg", "-cd", "--config-dir"}
_FLAGS = NO_RUN | OTHER_CONF | _SWEEP | _WITH_VALUE | {"-r", "--run", "--resolve"}
_CHOICE = re.compile(r"Could not (?:find|load) '(.+)/([^/']*)'")
_KEY = re.compile(
    r"Could not override '([^']+)'|Error merging override \+?([^=]+)=|delete from config. '([^']+)'"
)
_TWICE = re.compile(r"^(\S+) appears more than once in the final defaults list")
# Mappings that only the configuration itself reads: a key that is new there would be read by nobody.
_CLOSED = ("", "autoencoder", "model", "paths", "training")


def check_overrides(name: str, arguments: Sequence[str], conf: Path) -> None:
    """Compose `conf/<name>.yaml` once, so that a mistake in an override becomes one clear line.

    Of a sweep's choices the first is composed, of groups all are looked up. A command line that composes
    something else is left to Hydra.

    Args:
        name: of the primary configuration.
        arguments: of the command line, flags included.
        conf: folder of the configuration files.

    Raises:
        ValueError: an unknown flag, key or choice, with those that are near.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException, OverrideParseException

    flags = {word.split("=")[0] for word in arguments if word.startswith("-")}
    if flags & (NO_RUN | OTHER_CONF):
        return
    words, searched = _words(arguments)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()

        def options(group: str) -> list[str]:
            return loader.get_group_options(group, config_name=name, overrides=searched)

        def composed(overrides: Sequence[str]) -> DictConfig:
            return compose(name, overrides=[*overrides, *searched])

        try:
            single = _single(words, options, is_sweep=bool(flags & _SWEEP))
        except OverrideParseException as error:
            raise ValueError(_one_line(error)) from error
        try:
            _check_added(single, composed(single), options)
        except HydraException as error:
            raise ValueError(_explained(error, single, composed, options)) from error


def _words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The overrides among the arguments, and `--config-dir` as the search path that it stands for."""
    words, folders, rest = [], [], iter(arguments)
    for word in rest:
        flag, _, value = word.partition("=")
        if flag in _WITH_VALUE:
            value = value or next(rest, "")
            folders += [value] if flag in ("-cd", "--config-dir") else []
        elif word.startswith("-") and flag not in _FLAGS:
            given = value or next(rest, "VALUE")
            raise ValueError(
                f"{flag}: no such option; settings are written KEY=VALUE, such as {flag.lstrip('-')}={given}"
            )
        elif word.startswith("~") or "=" in word:
            words.append(word)
        elif not word.startswith("-"):
            raise ValueError(
                f"{word}: settings are written KEY=VALUE, such as {word}=VALUE or experiment=latent"
            )
    path = ",".join(f"file://{Path(folder).absolute()}" for folder in folders)
    return words, [f"hydra.searchpath=[{path}]"] if path else []


def _single(words: Sequence[str], options: _Options, is_sweep: bool) -> list[str]:
    """The overrides of a sweep's first job; every choice that a sweep makes of a group has to be there."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob

    single = []
    for word, override in zip(words, OverridesParser.create().parse_overrides(list(words))):
        key, _, value = word.partition("=")
        if override.is_sweep_override():
            if not is_sweep:
                raise ValueError(
                    f"{word}: a list is written {key}=[{value}]; a sweep over the values needs -m"
                )
            there = options(override.get_key_element().lstrip("+"))
            chosen = override.value()
            values = (
                chosen.filter(there) if isinstance(chosen, Glob) else list(override.sweep_string_iterator())
            )
            for choice in values if there else []:
                _check_choices(override.key_or_group, choice, there)
            word = f"{key}={values[0]}" if values else word
        single.append(word)
    return single


def _check_choices(group: str, choice: str, there: Sequence[str]) -> None:
    for name in choice.strip("[]").split(","):
        if name and name != "null" and name not in there:
            raise ValueError(_no_choice(group, name, there))


def _no_choice(group: str, wanted: str, there: Sequence[str]) -> str:
    return f"{group}: there is no {wanted!r}{near(wanted, there)}; all: {', '.join(there)}"


def _check_added(overrides: Sequence[str], cfg: DictConfig, options: _Options) -> None:
    """Refuse what `+` adds where nobody would read it."""
    text = ""
    for key in (word[1:].partition("=")[0].lstrip("+") for word in overrides if word.startswith("+")):
        home = key.rpartition(".")[0]
        if home not in _CLOSED or "/" in key or "@" in key or options(key):
            continue
        text = text or OmegaConf.to_yaml(cfg)
        if f"${{{key}}}" not in text:
            there = [name for name in keys(cfg) if name != key and not name.startswith(f"{key}.")]
            raise ValueError(f"there is no key {key}{near(key, there)}; --help lists all")


def _explained(error: Exception, overrides: Sequence[str], composed: _Composed, options: _Options) -> str:
    text = str(error)
    if choice := _CHOICE.search(text):
        return _no_choice(choice[1], choice[2], options(choice[1]))
    if key := _KEY.search(text):
        wanted = key[1] or key[2] or key[3]
        good = [override for override in overrides if override.lstrip("+~").partition("=")[0] != wanted]
        try:
            there = list(keys(composed(good)))
        except Exception:  # there is more than one mistake
            there = []
        if wanted not in there:
            return f"there is no key {wanted}{near(wanted, there)}; --help lists all"
    if _TWICE.match(text):
        for word in overrides:
            group, _, value = word.removeprefix("+").partition("=")
            if word.startswith("+") and group != "experiment" and options(group):
                return f"{word}: {group} has a choice already; write {group}={value} to change it"
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
