"""Networks that say how they were built, so that a saved model rebuilds itself without running foreign code.

A class marked with `part` remembers the arguments of its constructor. `describe` turns a network into plain
JSON values and `build` makes the network again, from the registered classes only: no import path is ever read
from a file. Classes from outside are registered by plugins (`latent_inpaint.plugins`); imported when
a description names a class that is not known yet.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from latent_inpaint.plugins import PLUGINS, import_plugins

PartClass = TypeVar("PartClass", bound=type[Any])
_REGISTRY: dict[str, type[Any]] = {}


def part(cls: PartClass) -> PartClass:
    """Class decorator: register a network and record the arguments with which each instance is built.

    Frozen dataclasses that are arguments of networks (a path, a sampler) are registered, too; their fields
    are their arguments.

    Arguments may be JSON values (numbers, strings, booleans, None, lists of them) or other parts.

    Raises:
        ValueError: another class is registered under the same name.
    """
    if cls.__name__ in _REGISTRY:
        raise ValueError(f"part: a class named {cls.__name__!r} is registered already; choose another name")
    if dataclasses.is_dataclass(cls):
        _REGISTRY[cls.__name__] = cls
        return cls
    has_own = cls.__init__ is not nn.Module.__init__  # whose *args and **kwargs are there for nothing
    signature = inspect.signature(cls.__init__ if has_own else lambda self: None)
    construct: Callable[..., None] = cls.__init__

    @functools.wraps(construct)
    def remember_arguments(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        if type(self) is cls:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = dict(list(bound.arguments.items())[1:])
            described = {name: _describe_value(value) for name, value in arguments.items()}
            object.__setattr__(self, "_part_arguments", described)

    cls.__init__ = remember_arguments  # type: ignore[method-assign]
    _REGISTRY[cls.__name__] = cls
    return cls


def describe(network: Any) -> dict[str, Any]:
    """How `network` was built, as JSON values: `{"class": name, "arguments": {...}}`, parts nested.

    A class that is not ours has its module's name under "of", for errors: it is never imported by that name.

    Raises:
        TypeError: the network's class is not marked with `part`.
    """
    arguments: Any = getattr(network, "_part_arguments", None)
    if dataclasses.is_dataclass(network) and _REGISTRY.get(type(network).__name__) is type(network):
        fields = dataclasses.fields(network)
        arguments = {field.name: _describe_value(getattr(network, field.name)) for field in fields}
    if arguments is None:
        raise TypeError(
            f"describe: {type(network).__name__} is not a registered part; "
            "mark the class with @latent_inpaint.models.part"
        )
    description = {"class": type(network).__name__, "arguments": dict(arguments)}
    module = type(network).__module__
    return description if module.split(".")[0] == __package__.split(".")[0] else description | {"of": module}


def build(description: dict[str, Any], largest: int = 65536) -> nn.Module:
    """The network of a description made by `describe`, with fresh weights.

    Args:
        description: JSON values.
        largest: no number in it may be above this, nor a count (`n_…`) above 256: a damaged description must
            not take all memory.

    Raises:
        ValueError: the class is unknown, or the arguments do not fit it.
    """
    name, values = description.get("class"), description.get("arguments", {})
    if name not in _REGISTRY and isinstance(name, str) and "of" in description:
        import_plugins()
        if name not in _REGISTRY:
            raise ValueError(_missing_plugin(name, description["of"]))
    if not isinstance(name, str) or name not in _REGISTRY or not isinstance(values, dict):
        raise ValueError(f"build: class must be one of {sorted(_REGISTRY)} with arguments, got {name!r}")
    _check_numbers(values, largest)
    arguments = {key: _build_value(value, largest) for key, value in values.items()}
    try:
        return _REGISTRY[name](**arguments)
    except Exception as error:  # a value of another kind or size raises what the constructor happens to meet
        raise ValueError(f"build: the arguments {sorted(arguments)} do not fit {name}: {error}") from error


def describes(description: Any, network: nn.Module) -> bool:
    """Whether a description is that of `network`; an older one may lack arguments with defaults."""
    try:
        with torch.device("meta"):  # neither memory nor random numbers
            return describe(build(description)) == describe(network)
    except (AttributeError, ValueError):
        return False


def _missing_plugin(name: str, module: Any) -> str:
    return (
        f"build: the class {name} is of the module {str(module)[:80]!r}, which no installed plugin brings; "
        f"install the package that names it in its entry-point group {PLUGINS}, or import it first"
    )


def _describe_value(value: Any) -> Any:
    if isinstance(value, nn.Module) or dataclasses.is_dataclass(value):
        return describe(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_describe_value(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"part: arguments must be JSON values or parts, got {type(value).__name__}")


def _check_numbers(arguments: dict[str, Any], largest: int) -> None:
    for key, value in arguments.items():
        limit = min(256, largest) if key.startswith("n_") else largest
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(number, (int, float)) and not abs(number) <= limit for number in numbers):
            raise ValueError(f"build: {key} must be at most {limit}, got {value}")


def _build_value(value: Any, largest: int) -> Any:
    if isinstance(value, dict):
        return build(value, largest)
    if isinstance(value, list):
        return [_build_value(item, largest) for item in value]
    return value
