"""A small document of headings, sentences, tables and pictures, in Markdown and as one HTML page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from latent_inpaint.markdown import markdown_table


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        header: headings of the columns.
        rows: cells; as many as headings.
        words: number of columns from the left that hold words; the others hold numbers.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"table: expected {len(self.header)} cells, got {len(row)}: {list(row)}")


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        path: relative to the document.
        title: what it shows.
        content: the file.
    """

    path: str
    title: str
    content: bytes


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Text | Bullets | Table | Picture]


@dataclass(frozen=True)
class Document:
    """A title and sections."""

    title: str
    sections: Sequence[Section]

    def pictures(self) -> list[Picture]:
        """All pictures."""
        blocks = [block for section in self.sections for block in section.blocks]
        return [block for block in blocks if isinstance(block, Picture)]


def markdown(document: Document) -> str:
    """The document in Markdown; pictures are linked."""
    parts = [f"# {document.title}"]
    for section in document.sections:
        parts += [f"## {section.title}", *(_markdown(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def html(document: Document) -> str:
    """The document as a page without outside links, pictures inside."""
    body = [f"<h1>{escape(document.title)}</h1>"]
    for section in document.sections:
        body += [f"<h2>{escape(section.title)}</h2>", *(_html(block) for block in section.blocks)]
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>{STYLE}</style>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</html>\n"
    )


STYLE = """
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #1d2129; background: #fff; }
main { max-width: 1200px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 20px; }
h2 { font-size: 19px; margin: 40px 0 8px; }
p, ul { max-width: 860px; margin: 8px 0 12px; }
.scroll { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #c9ced6; }
td { border-bottom: 1px solid #e6e8ec; vertical-align: top; }
th, td { padding: 5px 12px 5px 0; }
.number { text-align: right; white-space: nowrap; }
.missing { color: #767d88; }
.good { color: #0b6b3a; font-weight: 600; }
.bad { color: #a3271c; font-weight: 600; }
figure { margin: 16px 0; }
figcaption { color: #555c66; font-size: 13px; }
img { max-width: 100%; height: auto; }
"""
SAFE = " =:/;,()+!*'@$[]{}|^~?"
MIME = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}


def _markdown(block: Text | Bullets | Table | Picture) -> str:
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Bullets):
        return "\n".join(f"- {item}" for item in block.items)
    if isinstance(block, Picture):
        return f"![{block.title}]({block.path})"
    numbers = range(block.words, len(block.header))
    return markdown_table(block.header, block.rows, numbers).rstrip("\n")


def _html(block: Text | Bullets | Table | Picture) -> str:
    if isinstance(block, Text):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"
    if isinstance(block, Picture):
        source = _data_uri(block)
        title = escape(block.title)
        return f'<figure><img src="{source}" alt="{title}"><figcaption>{title}</figcaption></figure>'
    head = "".join(_cell("th", text, i >= block.words) for i, text in enumerate(block.header))
    rows = [
        "<tr>" + "".join(_cell("td", text, i >= block.words) for i, text in enumerate(row)) + "</tr>"
        for row in block.rows
    ]
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _data_uri(picture: Picture) -> str:
    kind = MIME[Path(picture.path).suffix]
    if kind == MIME[".svg"]:  # as text: a fourth smaller
        return f"data:{kind},{quote(picture.content, safe=SAFE)}"
    return f"data:{kind};base64,{base64.b64encode(picture.content).decode()}"


def _cell(tag: str, text: str, number: bool) -> str:
    classes = ["number"] if number else []
    if text.startswith(("not run", "not measured", "begun", "cannot run", "–")):
        classes.append("missing")
    elif text == "reached":
        classes.append("good")
    elif text.startswith("not reached"):
        classes.append("bad")
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    return f"<{tag}{attribute}>{escape(text)}</{tag}>"
