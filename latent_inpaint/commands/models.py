"""The commands `models` and `download`: networks and weights by name, and what of them is here."""

from __future__ import annotations

import argparse
import json
from argparse import Namespace
from dataclasses import asdict

from latent_inpaint.commands.arguments import add_registry


def fill(command: argparse.ArgumentParser) -> None:
    """The arguments of `models`."""
    add_registry(command)
    command.add_argument("--json", action="store_true", help="one JSON object for each name")


def run(options: Namespace) -> None:
    """List the names with size, licence, and whether they are here."""
    from latent_inpaint import registry

    use_registry(options)
    from latent_inpaint.inference.catalogue import catalogue

    known = catalogue().values()
    if options.json:
        for one in known:
            print(json.dumps({**asdict(one), "file": None if one.file is None else str(one.file)}))
        return
    rows = [("name", "MiB", "here", "licence", "what it is")]
    for one in known:
        licence = f"{one.licence}{', to be accepted' if one.must_accept else ''}"
        mib = f"{one.size / 2**20:.0f}" if one.size is not None else "" if one.here else "?"
        rows.append((one.name, mib, "yes" if one.here else "", licence, one.about))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]))
    print(f"\nkept in {registry.store()}; `latent-inpaint download NAME` brings a file, --model NAME uses it")


def fill_download(command: argparse.ArgumentParser) -> None:
    """The arguments of `download`."""
    command.add_argument("names", nargs="+", metavar="NAME", help="one that `latent-inpaint models` lists")
    command.add_argument("--accept-licence", action="store_true", help="I accept the licence that is said")
    add_registry(command)


def run_download(options: Namespace) -> None:
    """Fetch files, unless they are here, and check them."""
    from latent_inpaint import registry

    use_registry(options)
    for one in [registry.entry(name) for name in options.names]:
        print(f"{one.get(options.accept_licence)}: {one.name}, licence {one.licence}", flush=True)


def use_registry(options: Namespace) -> None:
    """Add the file that the option names.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is no registry.
    """
    if options.registry is not None:
        from latent_inpaint import registry

        registry.add(options.registry)
