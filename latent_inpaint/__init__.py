"""Image inpainting in latent space: training, evaluation and inference.

`latent_inpaint.load` gives a `Pipeline`, `latent_inpaint.inpaint` repairs a picture with it.
They are looked up when first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_inpaint.inference.picture import inpaint
    from latent_inpaint.inference.pipeline import Pipeline, load

__version__ = "0.2.0"

__all__ = ["Pipeline", "__version__", "inpaint", "load"]

_PUBLIC = {
    "Pipeline": "latent_inpaint.inference.pipeline",
    "inpaint": "latent_inpaint.inference.picture",
    "load": "latent_inpaint.inference.pipeline",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'latent_inpaint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
