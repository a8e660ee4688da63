import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.evaluation.page import ReportPicture, hole_uri, picture_uri, render_report

COLUMN = {"key": "ssim", "title": "SSIM", "heading": "SSIM ↑", "up": True, "digits": 4}


def content(**changes):
    cell = {"text": "0.9000", "value": 0.9, "interval": None, "best": True}
    method = {
        "name": "ours",
        "fair": True,
        "pictures": 1,
        "failed": [],
        "seconds": 0.1,
        "calls": None,
        "card": "{}",
    }
    return {
        "title": "title",
        "facts": [("size", "64²")],
        "notes": [],
        "columns": [COLUMN],
        "methods": [method | {"card": "{}", "cells": {"ssim": cell}}],
        "deciles": [],
        "compared": 1,
        "extremes": {},
        "samplers": False,
    } | changes


def picture(name="a.png"):
    pixels = np.full((8, 8, 3), 120, np.uint8)
    hole = np.zeros((8, 8), bool)
    hole[2:5, 3:6] = True
    return ReportPicture(name, pixels, hole, {"ours": pixels}, {"ours": {"ssim": 0.9}})


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def test_the_page_is_whole_and_looks_nowhere_else():
    page = render_report(content(), [picture()])
    assert 'class="best"' in page and "0.9000" in page
    without_namespace = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=\"(?!data:)|@import|url\(", without_namespace)


def test_names_cannot_break_out_of_the_page():
    name = "</script><script>alert(1)</script>.png"
    page = render_report(content(title="<b>&"), [picture(name)])
    assert "<script>alert" not in page
    assert "<h1>&lt;b&gt;&amp;</h1>" in page
    payload = re.search(r'id="content">(.*?)</script>', page, re.S).group(1)
    assert json.loads(payload)["pictures"][0]["name"] == name


def test_a_report_without_pictures_has_no_gallery():
    page = render_report(content(), [])
    assert 'id="table"' in page
    assert 'id="gallery"' not in page and "const stage" not in page


def test_missing_content_is_an_error_and_not_an_empty_cell():
    incomplete = content()
    del incomplete["methods"][0]["seconds"]
    with pytest.raises(Exception, match="seconds"):
        render_report(incomplete, [])


def test_pictures_and_holes_are_inside():
    one = picture()
    assert np.abs(np.asarray(decoded(picture_uri(one.truth)), int) - 120).max() < 4
    alpha = np.asarray(decoded(hole_uri(one.hole)).convert("RGBA"))[..., 3]
    assert np.array_equal(alpha > 0, one.hole)
