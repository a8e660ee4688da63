import asyncio

import pytest

from latent_inpaint.web.guard import Guard


def ask(path="/", method="GET", **headers):
    """Status, headers and body of the guard's answer to a request."""
    sent = []

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inside", b"yes")]})
        await send({"type": "http.response.body", "body": b"the page"})

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "path": path, "method": method}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(Guard(application, {"127.0.0.1", "localhost"}, max_bytes=2**20)(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"host": "localhost:1234"},
        {"path": "/assets/index.js"},
        {"path": "/gradio_api/file=/tmp/folder/a.png"},
        {"path": "/gradio_api/upload", "method": "POST", "content_length": "1048576"},
        {
            "path": "/gradio_api/queue/join",
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
        ({"path": "/gradio_api/upload", "method": "POST", "content_length": "1048577"}, 413, "at most 1 MiB"),
        ({"path": "/gradio_api/upload", "method": "POST"}, 413, "at most 1 MiB"),
        ({"path": "/gradio_api/upload", "method": "POST", "content_length": "-5"}, 413, "at most 1 MiB"),
        ({"path": "/gradio_api/file=https://evil.example/a"}, 404, "not found"),
        ({"path": "/gradio_api/proxy=https://evil.example/a"}, 404, "not found"),
        ({"path": "/gradio_api/vibe-edit"}, 404, "not found"),
        ({"path": "/docs"}, 404, "not found"),
    ],
)
def test_what_is_refused(asked, status, reason):
    found, _, body = ask(**asked)
    assert found == status and reason in body and "the page" not in body
