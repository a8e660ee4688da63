"""Lets griffe read our `Example:` sections as it reads its own `Examples:`."""

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Renames the heading in each docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object that is documented."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("Example:\n", "Examples:\n")
