"""Objects by a click: the address, and the command's options."""

import base64
import json

import numpy as np
import pytest
from PIL import Image
from serving import decoded, encoded, serving

pytest.importorskip("onnxruntime", reason="needs the extra segment")
pytest.importorskip("onnx", reason="makes the networks")

from served import served
from tiny_segmenter import save_decoder, save_encoder

from latent_inpaint.cli import main
from latent_inpaint.inference.segmenting import Segmenter


@pytest.fixture
def files(tmp_path):
    return [str(save_encoder(tmp_path / "encoder.onnx")), str(save_decoder(tmp_path / "decoder.onnx"))]


@pytest.fixture
def client(box, files):
    with serving(box, segmenter=Segmenter(*files)) as opened:
        yield opened


def scene():
    picture = np.full((48, 64, 3), 90, np.uint8)
    picture[10:30, 8:40] = (220, 30, 30)
    return picture


def ask(client, points, picture=None):
    content = encoded(scene() if picture is None else picture)
    fields = {"points": json.dumps(points)}
    return client.post("/v1/segment", data=fields, files={"image": ("a.png", content, "image/png")})


def test_a_point_gives_the_object_as_a_mask(client):
    expected = np.zeros((48, 64), np.uint8)
    expected[10:30, 8:40] = 255
    answer = ask(client, [[20, 20, True]])
    assert answer.status_code == 200 and np.array_equal(decoded(answer.content), expected)
    body = {"image": base64.b64encode(encoded(scene())).decode(), "points": [[20, 20, True]]}
    assert client.post("/v1/segment", json=body).content == answer.content
    with_alpha = Image.fromarray(scene()).convert("RGBA")
    assert np.array_equal(decoded(ask(client, [[20, 20, True]], with_alpha).content), expected)
    assert client.get("/v1/health").json()["segment"] is True
    assert "/v1/segment" in client.get("/openapi.json").json()["paths"]
    assert "/v1/segment" in client.get("/docs").text


@pytest.mark.parametrize(
    ("points", "status", "said"),
    [
        ([], 422, "points"),
        ([[70, 3, True]], 400, "outside of 64×48"),
        ([[float("nan"), 3, True]], 400, "points"),
        ([[1, 2]], 422, "points"),
        ("much", 422, "points"),
        ([[1, 2, True]] * 65, 422, "points"),
    ],
)
def test_points_that_are_none_are_refused_in_words(client, points, status, said):
    answer = ask(client, points)
    assert answer.status_code == status and said in answer.json()["detail"]


def test_pictures_that_are_none_are_refused(client):
    for content in (b"", b"nothing", encoded(scene())[:60]):
        answer = client.post("/v1/segment", data={"points": "[[1,1,true]]"}, files={"image": content})
        assert answer.status_code in (400, 422) and answer.json()["detail"]
    assert client.post("/v1/segment", data={"points": "{"}, files={"image": b"x"}).status_code == 422


def test_without_networks_there_is_no_such_address(box):
    with serving(box) as client:
        assert client.get("/v1/health").json()["segment"] is False
        assert ask(client, [[1, 1, True]]).status_code == 404


def test_the_command_takes_files_and_names_of_a_registry(files, tmp_path, monkeypatch, capsys):
    httpx = pytest.importorskip("httpx")
    (tmp_path / "served").mkdir()
    monkeypatch.setenv("LATENT_INPAINT_MODELS", str(tmp_path))
    entries = "".join(
        f"{name}:\n  about: a stand-in\n  file: {name}.onnx\n  licence: MIT\n"
        "  addresses: [http://127.0.0.1:9/x]\n"
        for name in ("encoder", "decoder")
    )
    (tmp_path / "own.yaml").write_text(entries)
    registry = f"--registry={tmp_path / 'own.yaml'}"
    with served(tmp_path / "served", registry, "--model=fast", "--segment", "encoder", "decoder") as running:
        assert httpx.get(f"{running.address}v1/health").json()["segment"] is True
    assert main(["serve", "--segment", str(tmp_path / "no.onnx"), files[1]]) == 1
    assert "no.onnx: no such file" in capsys.readouterr().err
