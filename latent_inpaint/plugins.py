"""Classes from outside: the modules that installed packages name in the entry-point group `PLUGINS`."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

PLUGINS = "latent_inpaint.plugins"
"""Entry-point group: an installed package names a module here, and its classes are allowed and loaded."""


def plugin_packages() -> list[str]:
    """Top-level packages of the plugins that are installed, sorted; nothing is imported."""
    return sorted({point.module.split(".")[0] for point in _points(tuple(sys.path))})


def import_plugins() -> None:
    """Import the modules that are named; their classes register themselves.

    Raises:
        ImportError: one cannot be imported; names the plugin and its package.
    """
    for point in _points(tuple(sys.path)):
        try:
            point.load()
        except Exception as error:  # whatever somebody's module does when it is imported
            raise ImportError(f"plugin {_named(point)} cannot be imported: {error}") from error


@lru_cache(maxsize=8)
def _points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of what is installed along that path; the search takes a hundredth of a second."""
    return tuple(entry_points(group=PLUGINS))


def _named(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist is not None else ""
    return f"{point.name} = {point.value}{package}"
