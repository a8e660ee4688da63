"""Methods side by side: what a method is, the runner, its rows, tables and reports.

`evaluate` measures methods on the batches of a loader and returns rows; `compare` does so on a data module's
validation pictures and writes everything that belongs beside the rows. Both are looked up when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_inpaint.evaluation.runner import EvaluationInterrupted, evaluate
    from latent_inpaint.evaluation.session import compare

__all__ = ["EvaluationInterrupted", "compare", "evaluate"]

_PUBLIC = {
    "EvaluationInterrupted": "latent_inpaint.evaluation.runner",
    "compare": "latent_inpaint.evaluation.session",
    "evaluate": "latent_inpaint.evaluation.runner",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'latent_inpaint.evaluation' has no attribute {name!r}")
