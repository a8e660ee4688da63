"""Packages beyond the base install: who needs them, and how one gets them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed_by(what: str, extra: str) -> Iterator[None]:
    """Say in one line which extra is missing where a package cannot be imported.

    Args:
        what: what cannot be done without it: "training".
        extra: name in setup.cfg.

    Raises:
        ImportError: in place of the import's own.

    Example:
        >>> with needed_by("the page", "serve"):
        ...     import no_such_package
        Traceback (most recent call last):
        ImportError: the page needs no_such_package: pip install "latent-inpaint[serve]" (from a checkout: \
pip install -e ".[serve]")
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "latent_inpaint":
            raise
        raise ImportError(f"{what} needs {error.name}: {how_to_install(extra)}") from error


def how_to_install(extra: str) -> str:
    """The command that installs an extra, quoted as zsh wants it."""
    return f'pip install "latent-inpaint[{extra}]" (from a checkout: pip install -e ".[{extra}]")'
