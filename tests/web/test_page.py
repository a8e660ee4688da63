import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.inference.loading import BOX

needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="needs gradio (extra web)")

JOIN = "gradio_api/queue/join"
# The command in a process that can reach nothing but this machine, and says what it tried to reach.
PROGRAM = """
import socket, sys
connect = socket.socket.connect
def local_only(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
        print("outside:", address, file=sys.stderr)
        raise OSError("no network")
    return connect(self, address)
socket.socket.connect = local_only
from latent_inpaint.cli import main
sys.exit(main(sys.argv[1:]))
"""


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The page, served with empty folders for work, home and temporary files; in the end they are empty."""
    root = tmp_path_factory.mktemp("server")
    folders = {name: root / name for name in ("work", "home", "temporary")}
    for folder in folders.values():
        folder.mkdir()
    source = Path(__file__).parents[2]
    lama = source / "tests" / "fixtures" / "lama_tiny"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["temporary"]),
        "PYTHONPATH": str(source),
    }
    arguments = ["--port=0", "--device=cpu", "--precision=float32", f"--model={BOX}", f"--model={lama}"]
    with (root / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "web", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folders["work"],
            env=environment,
        )
    try:
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), (root / "stderr").read_text()
        yield SimpleNamespace(address=line.split()[0], **folders)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 143
        assert [path for folder in folders.values() for path in folder.iterdir()] == []
        assert (root / "stderr").read_text().splitlines() == ["latent-inpaint web: interrupted"]
    finally:
        process.kill()
        process.wait()


def status_of(request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def upload(server, name: str, content: bytes) -> list[str]:
    parts = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    request = urllib.request.Request(
        server.address + "gradio_api/upload",
        parts + content + b"\r\n--x--\r\n",
        {"Content-Type": "multipart/form-data; boundary=x"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        assert 400 <= error.code < 500
        return []


@needs_gradio
def test_the_page_loads_and_files_stay_where_they_belong(server):
    assert status_of(server.address) == 200
    names = ("../../evil.png", "/etc/evil.png", "..", "a/../../b.png", "%2e%2e%2fevil.png", "plain.png")
    stored = [Path(path).resolve() for name in names for path in upload(server, name, b"content")]
    assert stored[-1].name == "plain.png" and all(path.is_relative_to(server.temporary) for path in stored)
    assert files(server.work) == files(server.home) == [] and set(stored) <= set(files(server.temporary))
    assert all(len(path.relative_to(server.temporary).parts) <= 3 for path in files(server.temporary))
    (server.work / "secret.txt").write_text("secret")
    for path in ("/etc/passwd", server.work / "secret.txt", f"{server.temporary}/../work/secret.txt"):
        assert status_of(f"{server.address}gradio_api/file={path}") in (403, 404)
    (server.work / "secret.txt").unlink()


@needs_gradio
def test_no_file_is_read_that_was_not_uploaded(server, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    for path in (str(secret), "http://127.0.0.1:1/a.png"):
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        body = json.dumps({"data": data, "fn_index": 0, "session_hash": "any"}).encode()
        headers = {"Content-Type": "application/json"}
        assert status_of(urllib.request.Request(server.address + JOIN, body, headers)) == 403
    assert not list(server.temporary.rglob("secret.png"))


SLIDER = """
const shown = [...document.querySelectorAll('#result img')];
return shown.length == 2 && shown.every(image => image.clientHeight > 50) && shown.map(image => image.src);
"""
CANVAS = """
const canvases = document.querySelectorAll('#editor canvas');
const box = canvases[canvases.length - 1].getBoundingClientRect();
return [box.left + box.width / 2, box.top + box.height / 2];
"""
SHOWN = """
return performance.getEntriesByType('resource').some(entry => /file=.*image.png/.test(entry.name))
    && document.querySelector('#editor .wrap.default.full:not(.hide)') === null;
"""
OUTSIDE = """
return performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !/^(data|blob):/.test(name))
"""


def says(text):
    return f"return document.body.textContent.includes({json.dumps(text)})"


def open_picture(browser, server, picture):
    browser.open(server.address)
    browser.wait_for("return document.querySelector('#upload input[type=file]') !== null")
    browser.choose_file("#upload input[type=file]", picture)
    browser.wait_for(SHOWN)


def paint(browser):
    x, y = browser.run(CANVAS)
    browser.drag([(x - 40, y), (x - 10, y), (x + 20, y + 10), (x + 50, y)])


def wait_for_file(path):
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size) or list(path.parent.glob("*.crdownload")):
        assert time.monotonic() < deadline, f"nothing was downloaded to {path}"
        time.sleep(0.1)


def smooth_picture(width, height):
    small = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def fetched(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return Image.open(io.BytesIO(answer.read()))


@needs_gradio
def test_paint_press_and_the_result_differs_in_the_hole_only(browser, server, tmp_path):
    picture = smooth_picture(300, 220)
    picture.save(tmp_path / "photo.png")
    open_picture(browser, server, tmp_path / "photo.png")
    browser.press("#repair")
    browser.wait_for(says("paint over what is to be replaced first"))
    paint(browser)
    browser.press("#repair")
    before, after = browser.wait_for(SLIDER)
    browser.wait_for(says("box: "))
    browser.screenshot(tmp_path / "page.png")

    np.testing.assert_array_equal(np.asarray(fetched(before)), np.asarray(picture))
    changed = (np.asarray(fetched(after)) != np.asarray(picture)).any(axis=2)
    painted = max(painted_layers(server), key=np.sum)
    assert painted.shape == changed.shape and 300 < painted.sum() < 0.3 * painted.size
    assert not changed[~painted].any() and changed[painted].mean() > 0.9

    browser.press("#download")
    downloaded = tmp_path / "photo-repaired.png"
    wait_for_file(downloaded)
    np.testing.assert_array_equal(np.asarray(Image.open(downloaded)), np.asarray(fetched(after)))
    assert browser.run(OUTSIDE) == []
    assert not [e["message"] for e in browser.call("/se/log", type="browser") if "Refused" in e["message"]]


@needs_gradio
def test_another_model_with_refinement_on_a_large_picture(browser, server, tmp_path):
    picture = smooth_picture(1800, 1500)
    picture.save(tmp_path / "large.png")
    open_picture(browser, server, tmp_path / "large.png")
    browser.press("#model input")
    browser.press("#model li[aria-label=lama_tiny]")
    browser.press("#refine input")
    paint(browser)
    browser.press("#repair")
    before, _ = browser.wait_for(SLIDER)
    browser.wait_for(says("lama_tiny: "))
    browser.screenshot(tmp_path / "page.png")
    assert fetched(before).size == (1024, 853)
    browser.press("#download")
    wait_for_file(tmp_path / "large-repaired.png")
    changed = (np.asarray(Image.open(tmp_path / "large-repaired.png")) != np.asarray(picture)).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed.shape == (1500, 1800) and rows.max() - rows.min() < 300 < columns.max() - columns.min()


@needs_gradio
def test_a_decompression_bomb_is_refused_with_a_message(browser, server, tmp_path):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)
    browser.open(server.address)
    browser.wait_for("return document.querySelector('#upload input[type=file]') !== null")
    browser.choose_file("#upload input[type=file]", tmp_path / "bomb.png")
    browser.wait_for(says("bomb.png: larger than 134217728 pixels, refused"))


def painted_layers(server):
    """Where the layers that the browser sent are painted on; its background and composite are opaque."""
    pictures = (Image.open(path) for path in files(server.temporary) if path.name == "layer_0.png")
    return [np.asarray(picture.getchannel("A")) > 0 for picture in pictures]
