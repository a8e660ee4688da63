"""The page itself: what is on it, and what its buttons do."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from latent_inpaint.inference.files import read_picture
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.pictures.opening import MAX_PIXELS
from latent_inpaint.web.pictures import MAX_UPLOAD_MIB, preview, repair

_PAINT = ("#ff2d55", 0.6)
_BRUSH_SHARE = 30
"""The brush's radius at first: this part of the picture's shorter side."""
_SECONDS_KEPT = 3600
_INTRODUCTION = f"""# Repair a picture
Open a picture, paint over what should go, press **Repair**. Nothing leaves this machine, and what is not
painted over stays as it is. Files up to {MAX_UPLOAD_MIB} MiB and {MAX_PIXELS / 1e6:.0f} megapixels; large
pictures are shown reduced, the download has their full size."""


def build_page(models: Mapping[str, Pipeline], folder: str | Path) -> gr.Blocks:
    """The page as gradio's blocks.

    Args:
        models: the networks to choose from, by the names that are shown; the first is chosen at first.
        folder: where results are written.
    """

    def press(
        upload: str | None,
        painting: Mapping[str, Any] | None,
        name: str,
        refine: bool,
        bar: gr.Progress = gr.Progress(),  # noqa: B008 (gradio looks for it there)
    ) -> tuple[tuple[Image.Image, Image.Image], gr.DownloadButton, str]:
        return _repair(upload, painting, name, models[name], refine, folder, bar)

    kept = (_SECONDS_KEPT, _SECONDS_KEPT)
    with gr.Blocks(title="latent_inpaint", analytics_enabled=False, delete_cache=kept) as page:
        gr.Markdown(_INTRODUCTION)
        with gr.Row():
            with gr.Column():
                upload = gr.File(label="Picture", file_types=["image"], height=120, elem_id="upload")
                editor = _editor()
                with gr.Row():
                    model = gr.Dropdown(
                        list(models), value=next(iter(models)), label="Model", elem_id="model"
                    )
                    refine = gr.Checkbox(label="Refine large holes (slow)", elem_id="refine")
                button = gr.Button("Repair", variant="primary", elem_id="repair")
            with gr.Column():
                result = gr.ImageSlider(
                    label="Before and after",
                    format="png",
                    interactive=False,
                    buttons=["fullscreen"],
                    elem_id="result",
                )
                status = gr.Markdown(elem_id="status")
                download = gr.DownloadButton("Download as PNG", interactive=False, elem_id="download")
        upload.upload(_open, upload, editor)
        upload.clear(lambda: None, None, editor)
        button.click(press, [upload, editor, model, refine], [result, download, status])
    return page


def _editor() -> gr.ImageEditor:
    return gr.ImageEditor(
        label="Paint the hole",
        type="pil",
        format="png",
        sources=(),
        transforms=(),
        layers=False,
        buttons=[],
        canvas_size=(600, 400),
        brush=_brush(400),
        elem_id="editor",
    )


def _brush(side: int) -> gr.Brush:
    radius = max(2, side // _BRUSH_SHARE)
    return gr.Brush(default_size=radius, colors=[_PAINT], default_color=_PAINT, color_mode="fixed")


def _open(upload: str) -> gr.ImageEditor:
    with _explained():
        shown = preview(read_picture(upload))
    value: gr.components.image_editor.EditorValue = {"background": shown, "layers": [], "composite": None}
    return gr.ImageEditor(value=value, brush=_brush(min(shown.size)))


def _repair(
    upload: str | None,
    painting: Mapping[str, Any] | None,
    name: str,
    model: Pipeline,
    refine: bool,
    folder: str | Path,
    bar: gr.Progress,
) -> tuple[tuple[Image.Image, Image.Image], gr.DownloadButton, str]:
    start = time.perf_counter()
    with _explained():
        if upload is None or painting is None:
            raise ValueError("open a picture first")
        report = lambda stage, done, total: bar((done, total), desc=stage)  # noqa: E731
        done = repair(upload, painting["layers"], model, folder, refine, report)
    text = f"{name}: {time.perf_counter() - start:.1f} s on {model.place}"
    return (done.before, done.after), gr.DownloadButton(value=done.path, interactive=True), text


@contextmanager
def _explained() -> Iterator[None]:
    """Errors of the user's making, and warnings, as messages on the page."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except (ValueError, OSError, MemoryError) as error:
            raise gr.Error(_without_folders(error), print_exception=False) from error
    for warning in caught:
        gr.Warning(_without_folders(warning.message))


def _without_folders(message: object) -> str:
    """A message with the names of files only: in which folder uploads lie is of no use on the page."""
    return " ".join(Path(word).name if word.startswith("/") else word for word in str(message).split(" "))
