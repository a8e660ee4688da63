"""The command `summarize`: one table over all runs under a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from latent_inpaint.extras import needed_by


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, help="folder with runs: each has a metrics.json")
    parser.add_argument("--output", type=Path, help="Markdown file to write; FOLDER/summary.md by default")


def run(options: argparse.Namespace) -> None:
    """Print the tables, name runs without results with their errors, write the Markdown."""
    with needed_by("summarize", "evaluate"):
        from rich.console import Console

    from latent_inpaint.evaluation.summary import collect, markdown_summary, without_results
    from latent_inpaint.evaluation.tables import LOG_WIDTH, console_table
    from latent_inpaint.files import write_text

    without = without_results(options.folder)
    for line in without:
        print(f"Without results: {line}")
    groups = collect(options.folder)
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    for group in groups:
        console.print(console_table(group.rows, group.title, "run"))
    output = options.output or options.folder / "summary.md"
    print(f"Markdown: {write_text(output, markdown_summary(groups, without))}")
