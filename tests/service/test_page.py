"""The page in a real browser; pictures of it are kept where PAGE_PICTURES names a folder."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from served import SOURCE, served
from tiny_segmenter import save_decoder, save_encoder

from latent_inpaint.inference.loading import BOX
from latent_inpaint.models import Decoder, Encoder, FlowRefiner, LatentInpainter, UNetDenoiser, Unguided
from latent_inpaint.models.refiners import condition_channels
from latent_inpaint.models.storage import save_model

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
PICTURES = Path(os.environ["PAGE_PICTURES"]) if "PAGE_PICTURES" in os.environ else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    lama = SOURCE / "tests" / "fixtures" / "lama_tiny"
    draws = tmp_path_factory.mktemp("model") / "draws"
    save_model(sampler(), draws)
    models = [f"--model={path}" for path in (BOX, lama, draws)]
    segmenter = ["--segment", str(save_encoder(draws / "e.onnx", 256)), str(save_decoder(draws / "d.onnx"))]
    with served(tmp_path_factory.mktemp("server"), *models, *segmenter) as running:
        yield running


def sampler():
    """A tiny latent network whose refiner draws."""
    torch.manual_seed(0)
    denoiser = UNetDenoiser(8, condition_channels(8, 4), widths=(8, 16), heads=2, embedding=16)
    torch.nn.init.normal_(denoiser.decoder.leave.weight, std=0.1)
    refiner = FlowRefiner(denoiser, down_factor=4, steps=2)
    return LatentInpainter(Encoder(2, 2), refiner, Decoder(2, 2), Unguided()).eval()


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=SIZES)
def page(request, chromium, server):
    width, height = SIZES[request.param]
    is_phone = request.param == "phone"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, has_touch=is_phone, accept_downloads=True
    )
    opened = context.new_page()
    opened.errors, opened.kind = [], request.param
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on("console", lambda said: said.type == "error" and opened.errors.append(said.text))
    opened.on("request", lambda asked: opened.errors.extend([] if is_own(asked.url, server) else [asked.url]))
    opened.goto(server.address)
    opened.wait_for_function("() => document.querySelector('#model').options.length == 3")
    yield opened
    assert opened.errors == []
    context.close()


def is_own(address, server):
    return address.startswith((server.address, "blob:", "data:"))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8))
    picture = small.resize((640, 480), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(path, exif=exif, icc_profile=profile)
    return path


def keep(page, name):
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{page.kind}-{name}.png")


def open_photo(page, photo):
    page.set_input_files("#file", photo)
    page.wait_for_selector("body[data-state=open]")


def drag(page, *points):
    """Draw by fractions of the canvas."""
    box = page.locator("#view").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def says(page, text, seconds=60):
    page.wait_for_function(
        "text => document.querySelector('#status').textContent.includes(text)",
        arg=text,
        timeout=seconds * 1000,
    )


def downloaded(page, button):
    with page.expect_download() as waiting:
        page.click(button)
    path = Path(waiting.value.path())
    return waiting.value.suggested_filename, Image.open(io.BytesIO(path.read_bytes()))


def test_a_day_with_the_page(page, photo):
    keep(page, "empty")
    assert page.locator("#repair").is_disabled() and page.locator("#download").is_disabled()
    open_photo(page, photo)
    drag(page, (0.4, 0.5), (0.5, 0.45), (0.6, 0.5))
    keep(page, "painted")
    name, mask = downloaded(page, "#mask-save")
    hole = np.asarray(mask.convert("L")) > 127
    assert name == "photo_mask.png" and hole.shape == (480, 640) and 0.005 < hole.mean() < 0.3
    page.click("#repair")
    says(page, "Done in")
    keep(page, "repaired")
    name, result = downloaded(page, "#download")
    before, after = np.asarray(Image.open(photo)), np.asarray(result)
    changed = (before != after).any(axis=2)
    assert name == "photo-repaired.png" and not changed[~hole].any() and changed[hole].mean() > 0.9
    assert result.getexif()[0x010E] == "a description" and result.info["icc_profile"]

    drag(page, (0.4, 0.3), (0.6, 0.3))  # goes on from the result
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#history button').length == 3")
    again = np.asarray(downloaded(page, "#download")[1])
    assert (again[hole] == after[hole]).all() and (again != after).any()
    page.click("#undo")
    assert (np.asarray(downloaded(page, "#download")[1]) == after).all()
    page.click("#compare")
    page.locator("#split").fill("300")
    keep(page, "slider")
    page.click("#compare")
    page.click("#undo")
    name, untouched = downloaded(page, "#download")
    assert name == "photo.png" and (np.asarray(untouched) == before).all()


def painted(page):
    """Part of the picture that is painted, by the mask that can be saved."""
    return (np.asarray(downloaded(page, "#mask-save")[1].convert("L")) > 127).mean()


def test_every_tool_undo_redo_clear_and_invert(page, photo):
    open_photo(page, photo)
    page.click("[data-tool=rectangle]")
    drag(page, (0.4, 0.4), (0.6, 0.6))
    box = painted(page)
    page.click("[data-tool=eraser]")
    drag(page, (0.45, 0.5), (0.55, 0.5))
    assert 0 < painted(page) < box
    page.keyboard.press("Control+z")
    assert painted(page) == box
    page.keyboard.press("Control+Shift+Z")
    assert painted(page) < box
    page.click("#clear")
    assert painted(page) == 0
    page.click("#undo")
    page.click("[data-tool=lasso]")
    drag(page, (0.4, 0.62), (0.5, 0.62), (0.5, 0.7))
    inside = painted(page)
    page.click("#invert")
    assert abs(painted(page) + inside - 1) < 0.01
    before = page.locator("#size-text").inner_text()
    page.keyboard.press("]")
    assert int(page.locator("#size-text").inner_text()) > int(before)
    page.keyboard.press("[")
    for _ in range(20):
        if page.locator("#undo").is_disabled():
            break
        page.click("#undo")
    assert page.locator("#view").is_visible()
    assert page.evaluate("document.body.dataset.state") == "open"  # the picture itself is never undone


def test_a_click_paints_the_object(page, tmp_path):
    pixels = np.full((240, 320, 3), 100, np.uint8)
    pixels[80:160, 100:220] = (210, 30, 30)
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    open_photo(page, tmp_path / "scene.png")
    page.click("#object")
    box = page.locator("#view").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    says(page, "The object is painted")
    keep(page, "object")
    hole = np.asarray(downloaded(page, "#mask-save")[1].convert("L")) > 127
    expected = pixels[..., 0] == 210
    assert (hole & expected).sum() / (hole | expected).sum() > 0.95
    page.click("#undo")
    page.locator("#view").focus()
    for key in ("b", "o", "p"):  # by keys: the object in the middle
        page.keyboard.press(key)
    says(page, "The object is painted")
    assert abs(painted(page) - expected.mean()) < 0.02


def test_without_a_segmenter_there_is_no_such_tool(chromium, tmp_path):
    with served(tmp_path, "--model=telea") as running:
        opened = chromium.new_page()
        opened.goto(running.address)
        opened.wait_for_function("() => document.querySelector('#model').options.length == 1")
        opened.keyboard.press("o")
        assert opened.locator("#object").is_hidden()
        assert opened.locator("[data-tool=brush]").get_attribute("aria-pressed") == "true"
        opened.close()


def test_wheel_space_and_pinch_move_the_picture_and_paint_nothing(page, photo):
    open_photo(page, photo)
    box = page.locator("#view").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -300)
    page.locator("#view").focus()
    page.keyboard.down(" ")
    drag(page, (0.5, 0.5), (0.7, 0.6))
    page.keyboard.up(" ")
    page.evaluate("""() => {
      const view = document.querySelector('#view');
      view.setPointerCapture = () => {};
      const send = (type, id, x, y) => view.dispatchEvent(new PointerEvent(type,
        { pointerId: id, pointerType: 'touch', clientX: x, clientY: y, button: 0, isPrimary: id === 1 }));
      send('pointerdown', 1, 100, 300); send('pointerdown', 2, 200, 300);
      send('pointermove', 1, 60, 300); send('pointermove', 2, 250, 300);
      send('pointerup', 1, 60, 300); send('pointerup', 2, 250, 300);
    }""")
    keep(page, "zoomed")
    assert page.locator("#repair").is_disabled()


def test_masks_variants_settings_and_other_networks(page, photo, tmp_path):
    open_photo(page, photo)
    mask = np.zeros((480, 640, 3), np.uint8)
    mask[200:240, 300:360] = (255, 0, 0)  # red on black
    Image.fromarray(mask).save(tmp_path / "mask.png")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    says(page, "The mask is added")
    assert abs(painted(page) - 40 * 60 / (480 * 640)) < 1e-6
    page.select_option("#model", "lama_tiny")
    page.click("summary")
    page.fill("#dilate", "3")
    keep(page, "settings")
    page.click("summary")
    page.click("#repair")
    says(page, "Done in")
    changed = (np.asarray(downloaded(page, "#download")[1]) != np.asarray(Image.open(photo))).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (197, 242, 297, 362)


def test_variants_side_by_side(page, photo):
    open_photo(page, photo)
    drag(page, (0.45, 0.5), (0.55, 0.5))
    page.select_option("#model", "draws")
    page.click("summary")
    page.fill("#samples", "3")
    page.click("summary")
    page.click("#repair")
    page.wait_for_selector("#variants button:nth-child(3) img")
    page.wait_for_function("() => [...document.querySelectorAll('#variants img')].every(i => i.naturalWidth)")
    keep(page, "variants")
    page.click("#variants button:nth-child(2)")
    says(page, "Done in")
    assert page.locator("#variants").is_hidden()
    assert (np.asarray(downloaded(page, "#download")[1]) != np.asarray(Image.open(photo))).any()


def test_cancel_keeps_what_is_painted(page, photo):
    open_photo(page, photo)
    drag(page, (0.4, 0.5), (0.6, 0.5))
    page.route("**/events", lambda route: None)  # an answer that never comes
    page.click("#repair")
    page.click("#cancel")
    says(page, "Cancelled")
    assert painted(page) > 0 and page.locator("#repair").is_enabled()


def test_errors_are_in_words(page, photo, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "text.png")
    page.wait_for_selector("#error:not([hidden])")
    assert "text.png is no picture" in page.locator("#error").inner_text()
    keep(page, "error")
    open_photo(page, photo)
    assert page.locator("#error").is_hidden()
    page.set_input_files("#mask-file", tmp_path / "text.png")
    page.wait_for_selector("#error:not([hidden])")
    assert "Mask: not a picture" in page.locator("#error").inner_text()
    page.errors.clear()  # the browser notes the status 400


def test_a_second_picture_leaves_nothing_of_the_first(page, photo, tmp_path):
    open_photo(page, photo)
    drag(page, (0.4, 0.5), (0.6, 0.5))
    page.click("#repair")
    says(page, "Done in")
    Image.new("RGB", (200, 100), "green").save(tmp_path / "second.png")
    page.on("dialog", lambda dialog: dialog.accept())
    page.set_input_files("#file", tmp_path / "second.png")
    says(page, "Paint over")
    assert page.locator("#history button").count() == 0 and page.locator("#compare").is_disabled()
    assert downloaded(page, "#download")[1].size == (200, 100)


def test_a_dropped_and_a_pasted_picture(page, photo):
    for event in ("drop", "paste"):
        content = list(photo.read_bytes())
        page.evaluate(
            """([content, kind]) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(content)], `${kind}.png`, { type: 'image/png' }));
              const event = kind === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true })
                : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
              document.body.dispatchEvent(event);
            }""",
            [content, event],
        )
        page.wait_for_function(
            "kind => document.querySelector('#name').textContent.startsWith(kind)", arg=event
        )


def test_keyboard_only(page, photo):
    open_photo(page, photo)
    page.locator("#view").focus()
    for key in ("ArrowRight", "ArrowDown", "p", "Enter"):
        page.keyboard.press(key)
    says(page, "Done in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, photo, scheme):
    axe = os.environ.get("AXE")
    if not axe:
        pytest.skip("AXE names no axe.min.js (npm pack axe-core)")
    page.emulate_media(color_scheme=scheme)
    open_photo(page, photo)
    drag(page, (0.4, 0.5), (0.6, 0.5))
    page.click("summary")
    keep(page, scheme)
    page.evaluate(Path(axe).read_text())
    found = page.evaluate("axe.run()")["violations"]
    serious = [entry for entry in found if entry["impact"] in ("serious", "critical")]
    assert [(entry["id"], [node["html"] for node in entry["nodes"]]) for entry in serious] == []
