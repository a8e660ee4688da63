"""The command `serve`: the page in the browser."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from latent_inpaint.commands.inputs import check_inputs


def run(options: Namespace) -> None:
    """Serve the page until Ctrl-C."""
    check_inputs(options)
    from latent_inpaint.web.server import check_available, serve

    check_available(options.host, options.port)
    from latent_inpaint.inference.pipeline import load

    models = {}
    for source in options.model or [None]:
        name = "the default network" if source is None else Path(source).name or source
        models[source if name in models else name] = load(source, options.device, options.precision)
    serve(models, options.host, options.port)
