"""What OpenAPI says of bodies that are read by hand, and a page of it that needs no other site."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from latent_inpaint.service.work import Format, MaskOptions, Options, Points


class Place(BaseModel):
    """Where a patch is pasted, and the format of the result."""

    model_config = ConfigDict(extra="forbid")
    left: int = Field(0, ge=0, description="column of the patch's left edge")
    top: int = Field(0, ge=0, description="row of the patch's upper edge")
    format: Format = "same"


def _body(files: Mapping[str, str], options: type[BaseModel]) -> dict[str, Any]:
    values = options.model_json_schema()["properties"]
    kinds = {"multipart/form-data": {"format": "binary"}, "application/json": {"format": "byte"}}
    content = {
        kind: {
            "schema": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": text, **form} for name, text in files.items()
                }
                | values,
            }
        }
        for kind, form in kinds.items()
    }
    return {"requestBody": {"required": True, "content": content}}


_IMAGE = "PNG, JPEG, WebP, TIFF, BMP or GIF; in JSON as base64 or as a data URL"
_MASK = "white is the hole; masks of other kinds are understood or refused"
INPAINT = _body({"image": _IMAGE, "mask": _MASK}, Options)
MASK = _body({"mask": _MASK}, MaskOptions)
SEGMENT = _body({"image": _IMAGE}, Points)
APPLY = _body({"image": _IMAGE, "patch": "RGBA; what is not transparent is pasted"}, Place)


def page(schema: Mapping[str, Any]) -> str:
    """OpenAPI as one page of HTML without scripts."""
    parts = []
    for path, methods in schema["paths"].items():
        for method, entry in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(entry.get('description', entry.get('summary', '')))}</p>")
            content = entry.get("requestBody", {}).get("content", {})
            if content:
                schema_of = next(iter(content.values()))["schema"]
                parts.append(f"<p>Body: {escape(' or '.join(content))}</p>{_table(schema_of)}")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>latent_inpaint: HTTP</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page/docs.css">'
        "<main><h1>latent_inpaint over HTTP</h1>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>. Errors are JSON, '
        "<code>{&quot;detail&quot;: why}</code>.</p>" + "".join(parts) + "</main></html>"
    )


def _table(schema: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(value))}</td>"
        f"<td>{escape(str(value.get('default', '')))}</td>"
        f"<td>{escape(value.get('description', ''))}</td></tr>"
        for name, value in schema.get("properties", {}).items()
    ]
    if not rows:
        return ""
    return f"<table><tr><th>name</th><th>type</th><th>default</th><th></th></tr>{''.join(rows)}</table>"


def _kind(value: Mapping[str, Any]) -> str:
    kinds = [str(entry.get("type")) for entry in value.get("anyOf", [])] or [str(value.get("type", ""))]
    return " or ".join(value.get("enum", kinds))
