"""Image inpainting in latent space: training, evaluation and inference.

`latent_inpaint.load` gives a network, `latent_inpaint.inpaint` repairs a picture with it.
Both are looked up when first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_inpaint.inference.loading import load
    from latent_inpaint.inference.picture import inpaint

__version__ = "0.2.0"

__all__ = ["__version__", "inpaint", "load"]

_PUBLIC = {"load": "latent_inpaint.inference.loading", "inpaint": "latent_inpaint.inference.picture"}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'latent_inpaint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
