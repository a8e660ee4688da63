"""A real headless Chromium for tests, over the WebDriver protocol."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """Just enough of WebDriver: addresses, scripts, files to upload, the mouse and screenshots."""

    def __init__(self, port, downloads, height):
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--enable-unsafe-swiftshader",
            f"--window-size=1360,{height}",
        ]
        options = {
            "binary": BROWSER,
            "args": arguments,
            "prefs": {"download.default_directory": str(downloads)},
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.base = f"http://127.0.0.1:{port}"
        self.base += (
            "/session/" + self.call("/session", capabilities={"alwaysMatch": capabilities})["sessionId"]
        )

    def call(self, path, **body):
        request = urllib.request.Request(self.base + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, address):
        self.call("/url", url=address)

    def run(self, script):
        return self.call("/execute/sync", script=script, args=[])

    def wait_for(self, script, seconds=120):
        """The value of a script once it is neither null nor false."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"nothing after {seconds} s: {script}"
            time.sleep(0.1)
        return found

    def press(self, selector):
        """Press and release the mouse over an element, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"return {found} !== null")
        self.run(f"{found}.scrollIntoView({{block: 'nearest'}})")
        box = f"const box = {found}.getBoundingClientRect();"
        self.drag([self.run(f"{box} return [box.left + box.width / 2, box.top + box.height / 2]")])

    def click(self, selector):
        """The element's own click, without a mouse."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def choose_file(self, selector, path):
        element = self.call("/element", using="css selector", value=selector)[_ELEMENT]
        self.call(f"/element/{element}/value", text=str(path))

    def drag(self, points):
        """Press the mouse at the first of the points (x, y in the window), and move along the others."""
        move = lambda x, y: {"type": "pointerMove", "duration": 40, "x": round(x), "y": round(y)}  # noqa: E731
        steps = [
            move(*points[0]),
            {"type": "pointerDown", "button": 0},
            *(move(*point) for point in points[1:]),
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}
        self.call("/actions", actions=[mouse])

    def screenshot(self, path):
        with urllib.request.urlopen(self.base + "/screenshot", timeout=120) as answer:
            path.write_bytes(b64decode(json.load(answer)["value"]))
        return path


@contextmanager
def opened_browser(downloads: Path, height: int = 1100) -> Iterator[Browser]:
    """A browser with a window of 1360 × `height`, closed in the end; without one the test is skipped."""
    if not (BROWSER and DRIVER):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                opened = Browser(port, downloads, height)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield opened
        urllib.request.urlopen(urllib.request.Request(opened.base, method="DELETE"), timeout=30)
    finally:
        driver.terminate()
        driver.wait(10)
