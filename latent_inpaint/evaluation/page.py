"""The report: one HTML page without outside links, pictures inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 88
INPUT_GREY = 200


@dataclass(frozen=True)
class ReportPicture:
    """A picture of the report's gallery.

    Attributes:
        name: the picture's name.
        truth: 8-bit `[H, W, 3]`.
        hole: bool `[H, W]`, True = hole.
        results: composites by method, 8-bit `[H, W, 3]`; methods may be missing.
        values: metrics by method.
    """

    name: str
    truth: NDArray[np.uint8]
    hole: NDArray[np.bool_]
    results: Mapping[str, NDArray[np.uint8]]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def masked(self) -> NDArray[np.uint8]:
        """The truth with a grey hole, 8-bit `[H, W, 3]`."""
        return np.where(self.hole[..., None], np.uint8(INPUT_GREY), self.truth)


def render_report(content: Mapping[str, Any], pictures: Sequence[ReportPicture]) -> str:
    """The page.

    Args:
        content: JSON values: `title`, `facts` (pairs of label and value), `notes` (sentences), `columns`
            (`key`, `title`, `heading`, `up`, `digits`), `methods` (`name`, `fair`, `pictures`, `failed`,
            `seconds`, `calls`, `card`, and `cells` by column: `text`, `value`, `interval`, `best`), `deciles`
            (`range`, `pictures`, and `metrics` and `intervals` by method and column), `compared` (how many
            pictures have all methods; they come first), `extremes` (metric → method → `best` and `worst`,
            indices of `pictures`), `samplers` (whether one of the methods is one).
        pictures: what the gallery shows.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    templates = files("latent_inpaint.evaluation") / "templates"
    read = {name: (templates / name).read_text(encoding="utf-8") for name in _TEMPLATES}
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(read["report.html.j2"])
    script = read["report.js"] + (read["samplers.js"] if content["samplers"] else "")
    script += read["gallery.js"] if pictures else ""
    payload = {**content, "pictures": [_packed(picture) for picture in pictures]}
    return page.render(
        content=content,
        pictures=len(pictures),
        css=Markup(read["report.css"]),
        script=Markup(script),
        payload=Markup(_json_in_html(payload)),
    )


_TEMPLATES = ("report.html.j2", "report.css", "report.js", "samplers.js", "gallery.js")


def _packed(picture: ReportPicture) -> dict[str, Any]:
    return {
        "name": picture.name,
        "hole_fraction": float(picture.hole.mean()),
        "truth": picture_uri(picture.truth),
        "input": picture_uri(picture.masked),
        "hole": hole_uri(picture.hole),
        "results": {method: picture_uri(pixels) for method, pixels in picture.results.items()},
        "values": picture.values,
    }


def picture_uri(pixels: NDArray[np.uint8], quality: int = QUALITY) -> str:
    """8-bit `[H, W, 3]` as a WebP in a `data:` address."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=quality, method=4)
    return _uri("image/webp", stream.getvalue())


def hole_uri(hole: NDArray[np.bool_]) -> str:
    """Bool `[H, W]` as a PNG in a `data:` address: pink where True, transparent elsewhere."""
    picture = Image.fromarray(hole.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 255, 60, 140])
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=0, optimize=True)
    return _uri("image/png", stream.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _json_in_html(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
