"""One table over all runs under a folder: `python bin/summarize.py outputs`."""

import argparse
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with runs: each has a metrics.json")
    parser.add_argument("--output", type=Path, help="Markdown file to write; FOLDER/summary.md by default")
    arguments = parser.parse_args()

    from rich.console import Console

    from latent_inpaint.evaluation.summary import collect, markdown_summary, without_results
    from latent_inpaint.evaluation.tables import LOG_WIDTH, console_table
    from latent_inpaint.files import write_text

    try:
        without = without_results(arguments.folder)
        for line in without:
            print(f"Without results: {line}")
        groups = collect(arguments.folder)
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        for group in groups:
            console.print(console_table(group.rows, group.title, "run"))
        output = arguments.output or arguments.folder / "summary.md"
        print(f"Markdown: {write_text(output, markdown_summary(groups, without))}")
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
