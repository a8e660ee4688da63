"""The page with onnxruntime-web, in a real browser: ORT_WEB names the folder `dist` of its package."""

import io
import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import latent_inpaint
from latent_inpaint.inference.export import export_model, open_exported

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
EXAMPLE = Path(__file__).parents[2] / "examples" / "web"
ORT = os.environ.get("ORT_WEB")
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.skipif(ORT is None, reason="ORT_WEB names no dist folder (npm pack onnxruntime-web)"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("web")
    for name in ("index.html", "inpaint.js"):
        shutil.copy(EXAMPLE / name, root)
    (root / "ort").mkdir()
    for name in NEEDED:
        shutil.copy(Path(ORT) / name, root / "ort")
    network = latent_inpaint.load("fast", "cpu", "float32").model
    export_model(network, root / "model.onnx", half=True)
    return root


@pytest.fixture(scope="module")
def page(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened, foreign = browser.new_page(viewport={"width": 900, "height": 700}), []
        opened.on("request", lambda asked: foreign.append(asked.url) if not asked.url.startswith(
            (address, "blob:", "data:")) else None)  # fmt: skip
        opened.goto(address)
        opened.wait_for_function(
            "() => document.querySelector('#status').textContent.includes('Open a picture')"
        )
        yield opened
        assert foreign == []
        browser.close()
    server.shutdown()


def test_a_batch_is_what_python_computes(page, folder):
    rng = np.random.default_rng(0)
    image = rng.random((2, 3, 40, 56), dtype=np.float32)
    mask = (rng.random((2, 1, 40, 56)) > 0.8).astype(np.float32)
    found = page.evaluate(
        """async ([image, mask, shape]) => {
            const { open, run } = await import('./inpaint.js');
            return Array.from(await run(await open('model.onnx'), Float32Array.from(image), Float32Array.from(mask), shape));
        }""",  # noqa: E501
        [image.ravel().tolist(), mask.ravel().tolist(), [2, 40, 56]],
    )
    import torch

    expected = open_exported(folder / "model.onnx")(torch.from_numpy(image), torch.from_numpy(mask)).numpy()
    np.testing.assert_allclose(np.reshape(found, image.shape), expected, atol=1e-3)


@pytest.mark.parametrize(("width", "height"), [(131, 97), (1500, 1001)])
def test_known_pixels_stay_byte_for_byte_at_any_size(page, tmp_path, width, height):
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8))
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "photo.png")
    page.set_input_files("#file", tmp_path / "photo.png")
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('Paint over')")
    box = page.locator("#view").bounding_box()
    place = [(box["x"] + box["width"] * x, box["y"] + box["height"] * 0.5) for x in (0.4, 0.6)]
    page.mouse.move(*place[0])
    page.mouse.down()
    page.mouse.move(*place[1], steps=4)
    page.mouse.up()
    page.click("#repair")
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('Done in')")
    if "PAGE_PICTURES" in os.environ:
        page.screenshot(path=Path(os.environ["PAGE_PICTURES"]) / f"web-{width}.png")
    with page.expect_download() as waiting:
        page.click("#save")
    result = np.asarray(Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes())))[..., :3]
    before = np.asarray(picture)
    changed = (result != before).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    assert 0 < changed.mean() < 0.3
    middle = changed[height // 2, int(width * 0.42) : int(width * 0.58)]
    assert middle.mean() > 0.9 and rows.min() > height * 0.3 and rows.max() < height * 0.7
