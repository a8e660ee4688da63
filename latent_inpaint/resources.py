"""Where the configuration files and mask manifests are: the checkout's, or the wheel's copies of them."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def conf_folder() -> Path:
    """The folder `conf`, in which Hydra finds groups and experiments."""
    return _folder("conf")


def masks_folder() -> Path:
    """The folder `masks`, with the manifests of the frozen sets."""
    return _folder("masks")


def _folder(name: str) -> Path:
    checkout = PACKAGE.parent
    if (checkout / "setup.cfg").is_file() and (checkout / name).is_dir():
        return checkout / name
    return PACKAGE / name  # setup.py puts it there
