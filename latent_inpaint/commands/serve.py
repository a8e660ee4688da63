"""The command `serve`: HTTP, and a page in the browser."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from latent_inpaint import registry
from latent_inpaint.commands.inputs import check_inputs


def run(options: Namespace) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    check_inputs(options)
    from latent_inpaint.service.limits import Limits
    from latent_inpaint.service.server import TOKEN_VARIABLE, check_available, serve

    token = os.environ.get(TOKEN_VARIABLE) or None
    if options.token_file is not None:
        token = options.token_file.read_text().strip()
    check_available(options.host, options.port, token)
    limits = Limits(
        upload_mib=options.max_upload,
        pixels=round(options.max_megapixels * 1e6),
        queue=options.queue,
        workers=options.workers,
        seconds=options.max_seconds,
        memory_budget=options.memory_budget,
    )
    from latent_inpaint.inference.catalogue import catalogue
    from latent_inpaint.inference.pipeline import load

    segmenter = None
    if options.segment is not None:
        from latent_inpaint.inference.segmenting import Segmenter

        segmenter = Segmenter(*(_file_of(source) for source in options.segment))

    def load_one(source: Any) -> Any:
        return load(source, options.device, options.precision)

    here = [one.name for one in catalogue().values() if one.here and one.network]
    sources: dict[str, str | None] = {}
    for source in options.model or here:
        name = _name(source)
        sources[source.replace("/", " ") if name in sources else name] = source
        if source not in here and not Path(source).expanduser().exists():
            load_one(source)  # says what there is instead
    serve(
        sources,
        load_one,
        options.host,
        options.port,
        token,
        options.allow_host or (),
        limits,
        options.keep,
        segmenter,
    )


def _file_of(source: str) -> Path:
    """A file, or that of a name of the registry."""
    path = Path(source).expanduser()
    return path if path.is_file() or source not in registry.entries() else registry.entry(source).get()


def _name(source: str) -> str:
    """What clients call a network: a file's or folder's name, after that of its experiment for a run."""
    path = Path(source)
    is_run = path.name[:4].isdigit() and path.parent.name
    return (
        f"{path.parent.name} {path.name}" if is_run else path.stem if path.is_file() else path.name or source
    )
