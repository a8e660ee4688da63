"""Hydra's `instantiate`, for targets of allowed modules alone: a configuration cannot name whatever it likes.

It keeps a stranger's YAML file from calling what it names; it is no sandbox for what the allowed classes do.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from latent_inpaint.near import near
from latent_inpaint.plugins import PLUGINS, plugin_packages

ALLOWED = (
    "latent_inpaint",
    "torch.nn",
    "torch.optim",
    "torch.device",
    "torch.distributed.fsdp",
    "pytorch_lightning",
    "lightning_fabric",
    "diffusers",
)
"""Of torch what a training is made of: elsewhere it has functions that run any code (cpp_extension, hub)."""
_REFUSED = (
    "latent_inpaint.cli",
    "latent_inpaint.commands",
    "latent_inpaint.training.launch",
)
"""They run programs."""
_HYDRAS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
_added: list[str] = []


class TargetNotAllowed(ValueError):
    """A `_target_` outside the allowed modules; the message names it and says how to allow it."""


def allow(*modules: str) -> None:
    """Allow the targets of further modules (and of what is in them) for the rest of this process.

    The commands call it with the key `allowed_modules` of what the command line composes, never with the
    configuration that lies in a run's folder, which may be somebody else's.

    Raises:
        ValueError: not a module's dotted name.
    """
    for module in modules:
        if not isinstance(module, str) or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"allowed_modules: expected names such as my_losses, got {module!r}")
    _added.extend(module for module in modules if module not in _added)


def allowed_modules() -> list[str]:
    """The names that a target may begin with: ours, the plugins' packages, and what `allow` added."""
    return [*ALLOWED, *plugin_packages(), *_added]


def instantiate(config: Any, *args: Any, **kwargs: Any) -> Any:
    """`hydra.utils.instantiate`, after every target in `config` and `kwargs` was found to be allowed.

    Args:
        config: a node with a `_target_`, or a container of such nodes; None gives None.
        args: passed on.
        kwargs: passed on; configurations among them are built as well.

    Raises:
        TargetNotAllowed: by its name, or by what the name leads to (`torch.nn.os.system`).
    """
    from hydra.utils import instantiate as hydra_instantiate

    for part in (config, *kwargs.values()):
        check_targets(part)
        for key, target in _targets(part):
            _check_found(key, target)
    return hydra_instantiate(config, *args, **kwargs)


def check_targets(config: Any) -> None:
    """Refuse a configuration that names a target of a module that is not allowed. Imports nothing.

    Args:
        config: a node of OmegaConf, or the same as dictionaries and lists; anything else passes.

    Raises:
        TargetNotAllowed: the first such target, with its key.
    """
    allowed = allowed_modules()
    for key, target in _targets(config):
        if not _is_in(target, allowed) or _is_in(target, _REFUSED) or _is_private(target):
            raise TargetNotAllowed(_message(key, target, allowed))


def check_arguments(config: Any) -> None:
    """Refuse keys that are no arguments of their node's target, and words for numbers; imports the targets.

    Args:
        config: as in `check_targets`, which comes first.

    Raises:
        ValueError: the first such key, and the arguments that are near; or a word in place of a number.

    Example:
        >>> check_arguments({"layer": {"_target_": "torch.nn.Linear", "in_feature": 3}})
        Traceback (most recent call last):
        ValueError: layer.in_feature: Linear has no such argument (did you mean in_features?)
    """
    for key, node in _nodes(config):
        target = _find(node["_target_"])
        try:
            parameters = inspect.signature(target).parameters.values()
        except (TypeError, ValueError):  # nothing found, or nothing that says what it takes
            continue
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            continue
        names = [parameter.name for parameter in parameters]
        for name in [str(name) for name in node if name not in (*_HYDRAS, *names)]:
            what = getattr(target, "__qualname__", node["_target_"])
            raise ValueError(f"{key}.{name}: {what} has no such argument{near(name, names)}")
        for parameter in parameters:
            _check_number(f"{key}.{parameter.name}", parameter, node)


def _check_number(key: str, parameter: inspect.Parameter, node: DictConfig) -> None:
    """A word where the target's annotation speaks of numbers alone."""
    kind = parameter.annotation
    annotation = kind.__name__ if isinstance(kind, type) else str(kind)
    kinds = set(re.findall(r"[A-Za-z_]+", annotation))
    if not kinds & {"int", "float", "bool"} or kinds & {"str", "Any", "Literal", "Callable"}:
        return
    try:
        value = node.get(parameter.name)
    except OmegaConfBaseException:
        return
    if isinstance(value, str):
        expected = "true or false" if "bool" in kinds else "a number"
        raise ValueError(f"{key}: expected {expected}, got {value!r}")


def _check_found(key: str, target: str) -> None:
    """The object behind the name must be defined in an allowed module as well."""
    found = _find(target)
    module = getattr(found, "__module__", None) or type(found).__module__
    home = f"{module}.{getattr(found, '__qualname__', '')}".rstrip(".")
    if found is not None and (not _is_in(home, allowed_modules()) or _is_in(home, _REFUSED)):
        raise TargetNotAllowed(_message(key, f"{target} ({home})", allowed_modules()))


def _find(target: str) -> Any:
    """What a dotted name leads to; None where it leads nowhere, which Hydra says better."""
    parts = target.split(".")
    try:
        found: Any = import_module(parts[0])
        for depth, part in enumerate(parts[1:], 2):
            if not hasattr(found, part):
                import_module(".".join(parts[:depth]))
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def _targets(config: Any) -> Iterator[tuple[str, str]]:
    """Key and value of every `_target_` in a configuration."""
    for key, node in _nodes(config):
        target = node["_target_"]
        yield key, target if isinstance(target, str) else f"{target.__module__}.{target.__qualname__}"


def _nodes(config: Any, key: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Key and node wherever a configuration has a `_target_`, interpolations resolved where they can be."""
    if isinstance(config, (dict, list)):
        config = OmegaConf.create(config, flags={"allow_objects": True})
    if not isinstance(config, (DictConfig, ListConfig)) or config._is_none() or config._is_missing():
        return
    key = key or config._get_full_key(None)
    node: Any = config
    for name in list(node) if isinstance(node, DictConfig) else range(len(node)):
        try:
            value = None if OmegaConf.is_missing(node, name) else node[name]
        except OmegaConfBaseException:
            continue  # built later, when it can be resolved, and looked at then
        if name == "_target_" and value is not None:
            yield key, node
        else:
            yield from _nodes(value, f"{key}.{name}".lstrip("."))


def _is_in(name: str, modules: Any) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _is_private(target: str) -> bool:
    return any(part.startswith("_") for part in target.split("."))


def _message(key: str, target: str, allowed: list[str]) -> str:
    module = target.split(".")[0]
    place = f"{key}: " if key else ""
    return (
        f"{place}_target_ {target} is not allowed, only what is in {', '.join(allowed)}; allow a module of "
        f"yours by allowed_modules=[{module}], or by an entry point in the group {PLUGINS}"
    )
