"""The report in a real browser, over the WebDriver protocol."""

import pytest
import torch
from webdriver import opened_browser

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import Gallery
from latent_inpaint.evaluation.methods import GreyFill, GroundTruth, MeanFill
from latent_inpaint.evaluation.reporting import report, shown_pictures
from latent_inpaint.metrics.summary import DECILES


@pytest.fixture
def browser(tmp_path):
    with opened_browser(tmp_path, height=1800) as opened:
        yield opened


def page(pictures=6):
    generator = torch.Generator().manual_seed(0)
    methods = [MeanFill(), GreyFill(), GroundTruth()]
    batches, values = [], {method.name: {} for method in methods}
    for i in range(pictures):
        image = torch.rand(1, 3, 6, 6, generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
        mask = torch.zeros(1, 1, 48, 48)
        mask[..., 8 : 16 + 4 * i, 8:40] = 1
        batches.append(Batch(image, mask, [f"photo-{i}.jpg"]))
        for k, method in enumerate(methods):
            measured = {
                "hole_fraction": float(mask.mean()),
                "ssim": 0.7 + 0.1 * k - 0.02 * i,
                "l1_hole": 0.3 - 0.1 * k,
            }
            values[method.name][f"photo-{i}.jpg"] = measured
    rows = [row(method, k) for k, method in enumerate(methods)]
    gallery = Gallery(pictures=4, extremes=2)
    return report(rows, *shown_pictures(methods, rows, batches, values, gallery))


def row(method, k):
    metrics = {"ssim": 0.7 + 0.1 * k, "l1_hole": 0.3 - 0.1 * k, "fid": None, "fd_lite0": 50.0 - k}
    metrics["diversity"] = 0.4 if k == 1 else None
    summary = {
        "metrics": metrics,
        "intervals": {"ssim": [metrics["ssim"] - 0.05, metrics["ssim"] + 0.05], "l1_hole": None, "fid": None},
    }
    calls = {"calls": 4 * (k + 1)}
    area = [
        {"range": [i / DECILES, (i + 1) / DECILES], "images": 2 * (i in (1, 2, 4)), **summary}
        for i in range(DECILES)
    ]
    card = {
        "n_images": 6,
        **calls,
        **method.card(),
        "size": 48,
        "failed": {"x.jpg": "too hard"} if k == 0 else {},
    }
    return {"method": method.name, **summary, "hole_area": area, "card": card}


def test_the_page_works_in_a_browser(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(), encoding="utf-8")
    browser.call("/url", url=path.as_uri())
    texts = "return [...document.querySelectorAll('{}')].map(node => node.textContent.trim())"

    # table: best among the fair ones, failures, sorting
    assert browser.run(texts.format(".results td.best")) == [
        "0.8000" + "0.7500 – 0.8500",
        "0.2000",
        "49.00",
        "0.4000",
    ]
    assert browser.run(texts.format(".failed")) == ["1 failed"]
    browser.click(".results thead th:nth-child(2)")
    assert browser.run(texts.format(".results tbody .name")) == ["ground_truth", "grey", "mean"]

    # bars: one for each fair method and decile that has pictures; the legend and the metric change them
    bars = "return document.querySelectorAll('.chart rect').length"
    assert browser.run(bars) == 2 * 3
    browser.click(".legend button")
    assert browser.run(bars) == 3
    browser.click("[data-choice='area-metric'] button:nth-child(2)")
    assert "L1 hole" in browser.run("return document.querySelector('.chart .note').textContent")

    # samplers: distance against diversity and against calls, of those that have them
    dots = (
        "return [...document.querySelectorAll('.scatters svg')].map(s => s.querySelectorAll('circle').length)"
    )
    assert browser.run(dots) == [1, 2]
    assert "8" in browser.run(texts.format(".scatters svg:nth-child(2) text"))

    # gallery: picture, method, slider, zoom
    browser.click(".strip button:nth-child(2)")
    name = browser.run("return document.querySelector('.picture-name').textContent")
    source = "return document.querySelector('.layer.left img').src"
    mean = browser.run(source)
    browser.run(
        "const s = document.querySelector('#left'); s.value = 'grey'; s.dispatchEvent(new Event('change'))"
    )
    assert browser.run(source) != mean
    assert browser.run("return document.querySelector('.layer.left img').naturalWidth") == 48
    browser.run(
        "const b = document.querySelector('.stage').getBoundingClientRect();"
        "const at = x => ({pointerId: 1, clientX: b.left + x * b.width, clientY: b.top + 9, bubbles: true});"
        "const s = document.querySelector('.stage'); s.setPointerCapture = () => {};"
        "s.dispatchEvent(new PointerEvent('pointerdown', at(0.5)));"
        "s.dispatchEvent(new PointerEvent('pointermove', at(0.25)));"
        "s.dispatchEvent(new PointerEvent('pointerup', at(0.25)))"
    )
    assert "75%" in browser.run("return document.querySelector('.layer.left').style.clipPath")
    browser.click("[data-zoom='1']")
    assert "scale(1.5)" in browser.run("return document.querySelector('.layer.left img').style.transform")
    browser.run("document.querySelector('#gallery').scrollIntoView()")
    browser.run(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
    )
    assert browser.run("return document.querySelector('.picture-name').textContent") != name
    browser.click("[data-choice='view'] button:nth-child(2)")
    assert browser.run(texts.format(".tile .tag")) == ["input", "mean", "grey", "truth"]

    # best and worst: a click compares the case above
    browser.click(".cases[data-side='worst'] .case")
    assert "photo-5.jpg" in browser.run("return document.querySelector('.picture-name').textContent")

    outside = (
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    )
    assert browser.run(outside) == []
    assert [entry["message"] for entry in browser.call("/se/log", type="browser")] == []
    shot = browser.screenshot(tmp_path / "report.png")
    assert shot.stat().st_size > 10_000
