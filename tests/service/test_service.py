import base64
import io
import json
import threading
import time
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image, ImageCms
from serving import decoded, encoded, serving

import latent_inpaint
from latent_inpaint.service.shelf import Shelf


def post(client, picture, hole, path="/v1/inpaint", **fields):
    return client.post(path, files={"image": encoded(picture), "mask": encoded(hole)}, data=fields)


class Slow:
    """An inpainter that waits until it is let go on."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, image, mask, generator=None):
        assert self.go.wait(20)
        return image * 0


class Noise:
    """An inpainter that draws."""

    multiple = True

    def __call__(self, image, mask, generator=None):
        import torch

        return torch.rand(image.shape, generator=generator)


def pipeline(model):
    return latent_inpaint.inference.pipeline.Pipeline(model)


def data_url(content):
    return "data:image/png;base64," + base64.b64encode(content).decode()


def test_multipart_and_json_give_what_python_gives(client, box, picture, hole):
    expected = latent_inpaint.inpaint(picture, hole, box, dilate=2)
    answer = post(client, picture, hole, dilate="2")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(decoded(answer.content), expected)
    body = {"image": data_url(encoded(picture)), "mask": base64.b64encode(encoded(hole)).decode()}
    for options in ({"options": {"dilate": 2}}, {"dilate": 2}):
        answer = client.post("/v1/inpaint", json=body | options)
        np.testing.assert_array_equal(decoded(answer.content), expected)
    answer = client.post("/v1/inpaint", json=body, headers={"accept": "application/json"}).json()
    assert answer["images"][0].startswith("data:image/png;base64,") and answer["seed"] == 0


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_format_exif_and_profile_stay(client, picture, hole, form):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {"image": encoded(picture, form, exif=exif, icc_profile=profile), "mask": encoded(hole)}
    answer = client.post("/v1/inpaint", files=files)
    result = Image.open(io.BytesIO(answer.content))
    assert (result.format, result.info["icc_profile"]) == (form, profile)
    assert result.getexif()[0x010E] == "a description"
    if form == "JPEG":
        assert "JPEG changes known pixels" in unquote(answer.headers["x-warnings"])


def test_several_samples_of_a_network_that_draws(picture, hole):
    with serving(pipeline(Noise())) as client:
        first = post(client, picture, hole, samples="2", seed="5").json()
        chosen = decoded(post(client, picture, hole, samples="2", seed="5", choose="best").content)
        fills = [decoded(base64.b64decode(one.partition(",")[2])) for one in first["images"]]
        assert any(np.array_equal(chosen, fill) for fill in fills)
        again = post(client, picture, hole, samples="2", seed="5").json()
        assert len(set(first["images"])) == 2 and first["images"] == again["images"]
        seed = post(client, picture, hole, seed="-1").headers["x-seed"]
        assert int(seed) >= 0


def test_masks_are_understood_alpha_included(client, picture, hole):
    red = np.dstack([hole, hole * 0, hole * 0])
    for mask in (hole, red, hole // 255):
        answer = client.post("/v1/mask", files={"mask": encoded(mask)})
        np.testing.assert_array_equal(decoded(answer.content), hole)
    see_through = np.dstack([picture, 255 - hole])
    answer = client.post("/v1/mask", files={"mask": encoded(see_through)}, data={"mask_from_alpha": "true"})
    np.testing.assert_array_equal(decoded(answer.content), hole)
    grown = client.post("/v1/mask", files={"mask": encoded(hole)}, data={"dilate": "1"})
    assert (decoded(grown.content) > 0).sum() == (14 + 2) * (20 + 2)
    answer = client.post("/v1/inpaint", files={"image": encoded(see_through)}, data={"mask_from_alpha": "1"})
    result = decoded(answer.content)
    assert result.shape == picture.shape and (result != picture).any(axis=2)[hole > 0].mean() > 0.9
    np.testing.assert_array_equal(result[hole == 0], picture[hole == 0])


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "LA", "I;16"])
def test_a_patch_changes_what_it_covers_alone(client, picture, kind):
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    deep = grey.astype(np.uint16) * 257 + 3
    whole = Image.fromarray(deep) if kind == "I;16" else Image.fromarray(picture).convert(kind)
    patch = np.zeros((6, 8, 4), np.uint8)
    patch[1:3, 2:5] = (90, 90, 90, 255)
    files = {"image": encoded(whole), "patch": encoded(patch)}
    answer = client.post("/v1/apply", files=files, data={"left": "10", "top": "20"})
    result, before = decoded(answer.content), np.asarray(whole)
    changed = (result != before).reshape(48, 64, -1).any(axis=2)
    assert result.dtype == before.dtype and changed.sum() == 6 and changed[21:23, 12:15].all()
    assert client.post("/v1/apply", files=files, data={"left": "60"}).status_code == 400


def test_jobs_report_progress_and_keep_results_until_dropped(client, picture, hole):
    started = post(client, picture, hole, "/v1/jobs")
    name = started.json()["id"]
    assert started.status_code == 202 and started.headers["location"] == f"/v1/jobs/{name}"
    events = client.get(f"/v1/jobs/{name}/events").text.strip().split("\n\n")
    last = json.loads(events[-1].split("data: ")[1])
    assert last["state"] == "done" and last["results"] == [f"/v1/jobs/{name}/results/0"]
    assert decoded(client.get(last["results"][0]).content).shape == picture.shape
    assert client.get(f"/v1/jobs/{name}/results/1").status_code == 404
    assert client.delete(f"/v1/jobs/{name}").status_code == 204
    assert client.get(f"/v1/jobs/{name}").status_code == 404


def wait_for(client, name, state):
    deadline = time.monotonic() + 20
    while client.get(f"/v1/jobs/{name}").json()["state"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_queue_is_429_and_a_cancelled_job_frees_its_place(picture, hole):
    slow = Slow()
    with serving(pipeline(slow), queue=2) as client:
        running = post(client, picture, hole, "/v1/jobs").json()["id"]
        wait_for(client, running, "running")
        assert client.get(f"/v1/jobs/{running}/results/0").status_code == 409
        waiting = [post(client, picture, hole, "/v1/jobs").json()["id"] for _ in range(2)]
        refused = post(client, picture, hole)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert client.get("/v1/health").json()["queued"] == 2
        assert client.delete(f"/v1/jobs/{waiting[0]}").status_code == 204
        third = post(client, picture, hole, "/v1/jobs").json()["id"]
        slow.go.set()
        wait_for(client, third, "done")
        assert client.get(f"/v1/jobs/{running}").json()["state"] == "done"


def test_a_job_that_takes_too_long_ends_with_504(box, picture, hole):
    with serving(box, seconds=1e-6) as client:
        answer = post(client, picture, hole)
        assert answer.status_code == 504 and "longer than 1e-06 s" in answer.json()["detail"]


def test_networks_are_loaded_one_at_a_time(client, picture, hole):
    post(client, picture, hole)
    assert [m["loaded"] for m in client.get("/v1/models").json()["models"]] == [True, False]
    post(client, picture, hole, model="other")
    assert [m["loaded"] for m in client.get("/v1/models").json()["models"]] == [False, True]
    models = client.post("/v1/models/other/load").json()["models"]
    assert [m["current"] for m in models] == [False, True]
    assert not any(m["loaded"] for m in client.post("/v1/models/other/unload").json()["models"])
    assert client.post("/v1/models/nothing/load").status_code == 404
    assert "there are box, other" in post(client, picture, hole, model="nothing").json()["detail"]


def test_methods_without_weights_stand_beside_the_networks(picture, hole):
    pytest.importorskip("cv2", reason="needs the extra classical")
    shelf = Shelf({"default": None, "telea": "telea"}, lambda source: latent_inpaint.load(source, "cpu"))
    repaired = shelf.get("telea").inpaint(picture, hole)
    assert np.array_equal(repaired[hole == 0], picture[hole == 0])
    default, telea = shelf.list()
    assert telea["kind"] == "Telea" and telea["several"] is False and "scratches" in telea["good_at"]
    assert telea["loaded"] and not default["loaded"]


def test_what_is_counted(client, picture, hole):
    post(client, picture, hole)
    text = client.get("/metrics").text
    assert 'requests_total{method="POST",path="/v1/inpaint",status="200"} 1' in text
    assert 'latent_inpaint_jobs_total{state="done"} 1' in text and "latent_inpaint_resident_bytes" in text
    for line in text.splitlines():
        assert line.startswith("# TYPE") or float(line.rpartition(" ")[2]) >= 0


def test_documentation_needs_no_other_site(client):
    page, schema = client.get("/docs").text, client.get("/openapi.json").json()
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert "/v1/inpaint" in page and "mask_from_alpha" in page and "/v1/jobs/{name}/events" in schema["paths"]


def test_iopaints_calls(client, box, picture, hole):
    """As its page and its plug-ins make them: keys without a meaning here are ignored."""
    body = {
        "image": data_url(encoded(picture)),
        "mask": data_url(encoded(np.dstack([hole] * 3))),
        "ldm_steps": 20,
        "hd_strategy": "Crop",
        "hd_strategy_crop_triger_size": 640,
        "prompt": "",
        "use_croper": False,
        "use_extender": False,
        "sd_seed": -1,
        "sd_match_histograms": False,
        "paint_by_example_example_image": None,
    }
    answer = client.post("/api/v1/inpaint", json=body)
    np.testing.assert_array_equal(decoded(answer.content), latent_inpaint.inpaint(picture, hole, box))
    assert int(answer.headers["x-seed"]) >= 0 and answer.headers["content-type"] == "image/png"
    config = client.get("/api/v1/server-config").json()
    assert [model["name"] for model in config["modelInfos"]] == ["box", "other"]
    for path in ("/api/v1/model", "/api/v1/switch_model"):
        assert client.post(path, json={"name": "other"}).json()["name"] == "other"
    assert client.get("/api/v1/model").json()["name"] == "other"
    asked = {"mask": body["mask"], "operate": "expand", "kernel_size": 4}
    grown = decoded(client.post("/api/v1/adjust_mask", json=asked).content)[..., 3]
    assert (grown > 0).sum() == 18 * 24
    assert client.post("/api/v1/inpaint", json=body | {"use_extender": True}).status_code == 422
