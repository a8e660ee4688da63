"""What nobody should send: refused in words, with the right status, and never read from the disk."""

import asyncio
import base64
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from serving import encoded, serving

from latent_inpaint.service.guard import Guard
from latent_inpaint.service.limits import Limits, Refused
from latent_inpaint.service.metrics import Metrics


def ask(path="/", method="GET", chunks=(b"",), application=None, token=None, limits=None, **headers):
    """Status, headers and body of the guard's answer to a request."""
    sent, parts = [], list(chunks)

    async def receive():
        if parts and parts[0] is None:
            await asyncio.sleep(5)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def inside(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "path": path, "method": method}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    limits = limits or Limits(upload_mib=1, body_seconds=0.2)
    guard = Guard(inside, Metrics(), limits, {"127.0.0.1", "localhost"}, token)
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


TOKEN = "a-token-of-many-letters"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"host": "localhost:1234"},
        {"path": "/v1/jobs", "method": "POST", "content_length": "1048576"},
        {"method": "POST", "origin": "http://127.0.0.1:7860", "sec_fetch_site": "same-origin"},
        {"path": "/v1/jobs", "token": TOKEN, "authorization": f"Bearer {TOKEN}"},
        {"path": "/v1/health", "token": TOKEN},
        {"path": "/page/main.js", "token": TOKEN},
    ],
)
def test_own_requests_are_let_through_with_a_policy(asked):
    status, headers, body = ask(**asked)
    assert (status, body) == (200, "inside") and b"default-src 'self'" in headers[b"content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"host": "evil.example"}, 403, "host 'evil.example' is not"),
        ({"host": "127.0.0.1.evil.example:7860"}, 403, "is not served"),
        ({"host": ""}, 403, "is not served"),
        ({"host": "[::1"}, 403, "is not served"),
        ({"origin": "https://evil.example"}, 403, "other sites"),
        ({"origin": "http://127.0.0.1:9999"}, 403, "other sites"),
        ({"origin": "null"}, 403, "other sites"),
        ({"sec_fetch_site": "cross-site"}, 403, "other sites"),
        ({"content_length": "1048577"}, 413, "at most 1 MiB"),
        ({"content_length": "9" * 5000}, 413, "at most 1 MiB"),
        ({"content_length": "-5"}, 400, "must be a number"),
        ({"chunks": [bytes(2**19)] * 3}, 413, "at most 1 MiB"),
        ({"chunks": [b"slow", None]}, 408, "took longer than 0.2 s"),
        ({"path": "/v1/jobs", "token": TOKEN}, 401, "a token is needed"),
        ({"path": "/v1/jobs", "token": TOKEN, "authorization": "Bearer no"}, 401, "a token is needed"),
        ({"path": "/metrics", "token": TOKEN, "authorization": "Bearer é"}, 401, "a token is needed"),
        ({"path": "/page/../v1/jobs", "token": TOKEN}, 401, "a token is needed"),
    ],
)
def test_what_the_guard_refuses(asked, status, reason):
    found, _, body = ask(**asked)
    assert found == status and reason in json.loads(body)["detail"]


def test_uploads_of_all_together_are_bounded():
    guard = Guard(None, Metrics(), Limits(held_mib=1), None)
    guard.take(2**20)
    with pytest.raises(Refused, match="too many uploads"):
        guard.take(1)


def bomb(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


GOOD = encoded(np.full((16, 16, 3), 128, np.uint8))
HOLE = np.zeros((16, 16), np.uint8)
HOLE[4:9, 4:9] = 255
HOLE = encoded(HOLE)
EPS = encoded(Image.new("RGB", (8, 8)), "EPS")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


@pytest.mark.parametrize(
    ("image", "status", "reason"),
    [
        (b"", 400, "a picture is needed"),
        (b"no picture", 400, "not a picture"),
        (EPS, 400, "not a picture"),
        (SVG, 400, "not a picture"),
        (GOOD[: len(GOOD) // 2], 400, "damaged"),
        (encoded(np.full((64, 64, 3), 9, np.uint8), "JPEG")[:400], 400, "cannot be read"),
        (bomb(100_000, 100_000), 413, "refused"),
        (bomb(9000, 9000), 413, "at most 67108864"),
        (bomb(0, 5), 400, "picture"),
        (bomb(2**31 - 1, 1), 413, "refused"),
        (encoded(np.zeros((16, 17, 3), np.uint8)), 400, "mask is 16×16 pixels, the image 17×16"),
    ],
)
def test_bad_pictures(client, image, status, reason):
    for files in ({"image": image, "mask": HOLE},):
        answer = client.post("/v1/inpaint", files=files)
        assert answer.status_code == status, answer.text
        assert reason in answer.json()["detail"]
        named = answer.json()["detail"].replace("image/", "")
        assert "/work" not in named and "Traceback" not in named


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 200_000,
        b'{"image":' * 50_000,
        b"\xff\xfe",
        b'{"image": 1e999, "mask": 3}',
        b'{"image": ' + b"9" * 5000 + b"}",
        b'{"image": "/etc/passwd", "mask": "/etc/passwd"}',
        b'{"image": "file:///etc/passwd", "mask": "x"}',
        b'{"image": "http://127.0.0.1:1/a.png", "mask": "x"}',
        b'{"image": "data:image/png;base64,AAAA", "mask": "\\ud800"}',
        b'{"\\ud800": 1}',
        json.dumps({"image": base64.b64encode(GOOD).decode(), "options": [1]}).encode(),
        json.dumps({"image": base64.b64encode(GOOD).decode(), "output": "/tmp/x"}).encode(),
    ],
)
@pytest.mark.parametrize("path", ["/v1/inpaint", "/v1/jobs", "/v1/mask", "/v1/apply", "/api/v1/inpaint"])
def test_bad_json(client, path, body):
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413, 422), answer.text
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dilate": "-1"}, "dilate"),
        ({"dilate": "999999999"}, "dilate"),
        ({"threshold": "nan"}, "threshold"),
        ({"samples": "0"}, "samples"),
        ({"samples": "9"}, "samples: at most 8"),
        ({"samples": "2"}, "one fill for a hole"),
        ({"steps": "5"}, "not a sampler"),
        ({"seed": "x"}, "seed"),
        ({"seed": "9" * 5000}, "seed"),
        ({"format": "exe"}, "format"),
        ({"model": "../../etc"}, "no such network"),
        ({"output": "/tmp/x"}, "output"),
        ({"options": "{"}, "options: no JSON"),
        ({"options": "[" * 60_000}, "options: no JSON"),
        ({"image_path": "/etc/passwd"}, "image_path"),
    ],
)
def test_bad_options(client, options, reason):
    answer = client.post("/v1/inpaint", files={"image": GOOD, "mask": HOLE}, data=options)
    assert 400 <= answer.status_code < 500 and reason in answer.json()["detail"]


def test_a_path_as_a_files_name_is_a_name_only(client, tmp_path):
    for name in ("../../evil.png", "/etc/passwd", "..", "%2e%2e%2fevil.png", "\0.png"):
        answer = client.post("/v1/inpaint", files={"image": (name, GOOD), "mask": HOLE})
        assert answer.status_code in (200, 400)
    for path in (
        "/page/../server.py",
        "/page/%2e%2e%2fserver.py",
        "/page/..%5cserver.py",
        "/page//etc/passwd",
    ):
        assert client.get(path).status_code == 404


def test_a_fault_of_ours_is_500_and_says_nothing_of_it(client, monkeypatch):
    monkeypatch.setattr("latent_inpaint.service.work.inpaint", lambda *_: 1 / 0)
    answer = client.post("/v1/inpaint", files={"image": GOOD, "mask": HOLE})
    assert answer.status_code == 500 and "division" not in answer.text


def mutated(rng):
    """A request that was right once."""
    boundary = b"----b"
    parts = []
    for name, content in ((b"image", GOOD), (b"mask", HOLE), (b"dilate", b"1")):
        file = b'; filename="a.png"\r\nContent-Type: image/png' if name != b"dilate" else b""
        head = b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name + b'"' + file
        parts.append(head + b"\r\n\r\n" + content + b"\r\n")
    form = b"".join(parts) + b"--" + boundary + b"--\r\n"
    fields = {"image": base64.b64encode(GOOD).decode(), "mask": base64.b64encode(HOLE).decode(), "seed": 3}
    is_form = rng.random() < 0.6
    body = bytearray(form if is_form else json.dumps(fields).encode())
    for _ in range(rng.integers(1, 6)):
        start = int(rng.integers(len(body)))
        end = start + int(rng.integers(1, 20))
        change = rng.integers(4)
        if change == 0:
            body[start] ^= 1 << int(rng.integers(8))
        elif change == 1:
            del body[start:end]
        elif change == 2:
            body[start:start] = rng.bytes(end - start)
        else:
            body[start:start] = body[start:end]
        if not body:
            break
    kind = "multipart/form-data; boundary=----b" if is_form else "application/json"
    path = ["/v1/inpaint", "/v1/mask", "/v1/apply", "/api/v1/inpaint"][rng.integers(4)]
    return path, bytes(body), {"content-type": kind}


def fuzz(client, count):
    rng, statuses = np.random.default_rng(7), set()
    for number in range(count):
        path, body, headers = mutated(rng)
        answer = client.post(path, content=body, headers=headers)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (number, path, answer.text)
    assert {200, 400, 422} <= statuses
    assert client.get("/v1/health").json()["running"] == 0


@pytest.fixture
def quick_client():
    from latent_inpaint.inference.pipeline import Pipeline

    with serving(Pipeline(lambda image, mask, generator=None: image * 0)) as client:
        yield client


def test_mutated_requests(quick_client):
    fuzz(quick_client, 300)


@pytest.mark.slow
def test_ten_thousand_mutated_requests(quick_client):
    fuzz(quick_client, 10_000)
