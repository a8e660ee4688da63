"""Adds to the site what lies outside docs/: the reproductions' reports with their pictures."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

REPORTS = (Path("reports/reproduction"), Path("reports/reproduction_lpl"))
ENDINGS = {".svg", ".webp", ".png"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reports as they were written, so that no figure is copied by hand."""
    root = Path(config.config_file_path).parent
    for report in REPORTS:
        for path in sorted((root / report).iterdir()):
            if path.name == "report.md" or path.suffix in ENDINGS:
                files.append(File.generated(config, str(report / path.name), abs_src_path=str(path)))
    return files
