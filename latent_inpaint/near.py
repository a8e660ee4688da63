"""Names that are near a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def near(wanted: str, there: Sequence[str]) -> str:
    """` (did you mean …?)` with at most three names, or nothing where none is near.

    Args:
        wanted: what was written; of dotted keys those with the same last part are near as well.
        there: the names that there are.

    Example:
        >>> near("trainer.max_step", ["trainer.max_steps", "seed"])
        ' (did you mean trainer.max_steps?)'
        >>> near("batch_size", ["data.batch_size", "seed"])
        ' (did you mean data.batch_size?)'
    """
    found = difflib.get_close_matches(wanted, there, n=3, cutoff=0.75)
    last = wanted.rpartition(".")[2]
    found += [name for name in there if name.rpartition(".")[2] == last and name not in found]
    found = found[:3] or difflib.get_close_matches(wanted, there, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(found)}?)" if found else ""
