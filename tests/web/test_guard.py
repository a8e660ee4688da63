import asyncio
import json

import pytest

from latent_inpaint.web.guard import Guard

UPLOAD, CALL = "/gradio_api/upload", "/gradio_api/queue/join"
FOLDER = "/nowhere/uploads"


def ask(path="/", method="GET", content=b"", **headers):
    """Status, headers and body of the guard's answer to a request; what is inside gets the whole body."""
    sent, parts = [], [content[:5], content[5:]]

    async def receive():
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def application(scope, receive, send):
        assert method == "GET" or path == UPLOAD or (await receive())["body"] == content
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inside", b"yes")]})
        await send({"type": "http.response.body", "body": b"the page"})

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "path": path, "method": method}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    guard = Guard(application, {"127.0.0.1", "localhost"}, max_bytes=2**20, folder=FOLDER)
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"host": "localhost:1234"},
        {"path": "/assets/index.js"},
        {"path": "/gradio_api/file=/tmp/folder/a.png"},
        {"path": UPLOAD, "method": "POST", "content_length": "1048576"},
        {
            "path": CALL,
            "method": "POST",
            "content_length": "9",
            "origin": "http://127.0.0.1:7860",
        },
    ],
)
def test_what_the_page_needs_is_let_through_with_a_policy(asked):
    status, headers, body = ask(**asked)
    assert (status, body) == (200, "the page")
    assert headers[b"x-inside"] == b"yes" and b"default-src 'self'" in headers[b"content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"host": "evil.example"}, 403, "host 'evil.example' is not"),
        ({"host": "127.0.0.1.evil.example:7860"}, 403, "is not this machine's loopback"),
        ({"host": ""}, 403, "is not this machine's loopback"),
        ({"origin": "https://evil.example"}, 403, "other sites"),
        ({"origin": "http://127.0.0.1:9999"}, 403, "other sites"),
        ({"origin": "null"}, 403, "other sites"),
        ({"path": UPLOAD, "method": "POST", "content_length": "1048577"}, 413, "at most 1 MiB"),
        ({"path": UPLOAD, "method": "POST"}, 413, "at most 1 MiB"),
        ({"path": UPLOAD, "method": "POST", "content_length": "-5"}, 413, "at most 1 MiB"),
        ({"path": "/gradio_api/file=https://evil.example/a"}, 404, "not found"),
        ({"path": "/gradio_api/proxy=https://evil.example/a"}, 404, "not found"),
        ({"path": "/gradio_api/vibe-edit"}, 404, "not found"),
        ({"path": "/docs"}, 404, "not found"),
    ],
)
def test_what_is_refused(asked, status, reason):
    found, _, body = ask(**asked)
    assert found == status and reason in body and "the page" not in body


def call(*paths):
    """A call of the page about files."""
    found = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
    return json.dumps({"data": [found[0], {"background": None, "layers": found[1:]}]}).encode()


def ask_about(content):
    return ask(CALL, "POST", content, content_length=str(len(content)))


@pytest.mark.parametrize("content", [call(f"{FOLDER}/a/b.png", f"{FOLDER}/layer.png"), b'{"path": 3}', b""])
def test_calls_about_uploaded_files_are_let_through(content):
    assert ask_about(content)[0] == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (call("/etc/passwd"), 403),
        (call(f"{FOLDER}/a.png", "/home/somebody/a.jpg"), 403),
        (call(f"{FOLDER}/../a.jpg"), 403),
        (call("https://evil.example/a.png"), 403),
        (call("a.jpg"), 403),
        (call(f"{FOLDER}/\0"), 400),
        (b"data=1", 400),
        (b"[" * 100_000, 400),
    ],
)
def test_no_other_file_is_read(content, status):
    found, _, body = ask_about(content)
    assert found == status and "the page" not in body
