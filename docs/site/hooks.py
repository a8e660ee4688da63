"""Adds to the site what lies outside docs/: the reproduction's report with its pictures."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

REPORT = Path("reports/reproduction")
ENDINGS = {".svg", ".webp", ".png"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the report as it was written, so that no figure is copied by hand."""
    root = Path(config.config_file_path).parent
    for path in sorted((root / REPORT).iterdir()):
        if path.name == "report.md" or path.suffix in ENDINGS:
            files.append(File.generated(config, str(REPORT / path.name), abs_src_path=str(path)))
    return files
