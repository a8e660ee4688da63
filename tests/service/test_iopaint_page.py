"""IOPaint's own web page, from its wheel, in front of our service: IOPAINT_WHEEL names the file."""

import base64
import io
import mimetypes
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import served

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WHEEL = os.environ.get("IOPAINT_WHEEL")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.skipif(WHEEL is None, reason="IOPAINT_WHEEL names no wheel (pip download iopaint --no-deps)"),
]


def test_it_opens_a_picture_and_repairs_what_is_painted(tmp_path):
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8))
    picture = small.resize((512, 384), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "photo.png")
    (tmp_path / "served").mkdir()
    answers = []
    with (
        served(tmp_path / "served", "--model=fast", "--model=telea") as running,
        sync_api.sync_playwright() as playwright,
        zipfile.ZipFile(WHEEL) as wheel,
    ):
        files = {name.removeprefix("iopaint/web_app/"): name for name in wheel.namelist()}

        def from_wheel(route):
            name = route.request.url.removeprefix(running.address).partition("?")[0] or "index.html"
            if name not in files:
                route.continue_()
                return
            kind = mimetypes.guess_type(name)[0] or "text/plain"
            route.fulfill(body=wheel.read(files[name]), content_type=kind)

        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("response", lambda answer: answers.append((answer.request.method, answer.url, answer.status)))
        page.route(re.compile(re.escape(running.address) + "(?!api/)"), from_wheel)
        page.goto(running.address)
        page.locator("input[type=file]").first.set_input_files(tmp_path / "photo.png")
        canvas = page.locator("canvas").first
        page.wait_for_function("() => document.querySelector('canvas')?.width == 512")
        page.wait_for_timeout(1000)  # it centres the picture
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        with page.expect_response(re.compile("/api/v1/inpaint$"), timeout=60_000) as waiting:
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 60, y + 10, steps=5)
            page.mouse.up()
        assert waiting.value.status == 200
        page.wait_for_timeout(1000)  # it shows the result
        shown = page.evaluate("() => document.querySelector('canvas').toDataURL()").partition(",")[2]
        result = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown))).convert("RGB"))
        if "PAGE_PICTURES" in os.environ:
            page.screenshot(path=Path(os.environ["PAGE_PICTURES"]) / "iopaint.png")
        browser.close()
    changed = (result != np.asarray(picture)).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert 0.003 < changed.mean() < 0.05
    assert rows.min() > 150 and rows.max() < 240 and columns.min() > 220 and columns.max() < 360
    asked = {(method, url.removeprefix(running.address)): status for method, url, status in answers}
    for call in (("GET", "api/v1/server-config"), ("GET", "api/v1/model"), ("POST", "api/v1/inpaint")):
        assert asked[call] == 200
