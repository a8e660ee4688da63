"""What the server lets through: requests of the page itself, of limited size, to what the page needs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_API = "/gradio_api/"
_PAGE = (
    "/config",
    "/assets/",
    "/static/",
    "/svelte/",
    "/theme.css",
    "/favicon.ico",
    "/robots.txt",
    "/manifest.json",
)
_CALLS = (
    "info",
    "upload",
    "queue/",
    "component_server",
    "heartbeat/",
    "startup-events",
    "reset",
    "cancel",
    "app_id",
)
_FILE = _API + "file="
_UPLOAD = _API + "upload"
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'self'"
)
_HEADERS = ((b"content-security-policy", _POLICY.encode()), (b"referrer-policy", b"no-referrer"))


class Guard:
    """An ASGI application around another.

    It refuses other names of the host (another site's name that was made to lead here), requests that other
    sites make, bodies that are too large, addresses that the page does not need, and calls that name a file
    which was not uploaded: gradio would read it from the disk, or fetch it from the network. It tells the
    browser to load nothing from elsewhere.

    Args:
        application: what is guarded.
        hosts: names under which the page may be asked for, without ports.
        max_bytes: largest body of a request.
        folder: where uploads and results lie.
    """

    def __init__(
        self, application: Application, hosts: Collection[str], max_bytes: int, folder: str | Path
    ) -> None:
        self.application = application
        self.hosts = hosts
        self.max_bytes = max_bytes
        self.folder = Path(folder).resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None and _is_call(scope):
            body = await _read(receive)
            refusal = self._refusal_of_body(body)
            receive = _again(body, receive)
        if refusal is not None:
            await _answer(send, *refusal)
            return

        async def send_with_policy(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self.application(scope, receive, send_with_policy)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, or None for a request that is let through."""
        headers = _headers(scope)
        host = headers.get("host", "")
        if scope["type"] != "http" or not _is_needed(scope["path"]):
            return 404, "not found"
        if urlsplit(f"//{host}").hostname not in self.hosts:
            return 403, f"host {host!r} is not this machine's loopback"
        if not _is_own(headers, host):
            return 403, "requests of other sites are refused"
        if scope["method"] == "POST" and not _length(headers) <= self.max_bytes:
            return 413, f"at most {self.max_bytes // 2**20} MiB are taken"
        return None

    def _refusal_of_body(self, body: bytes) -> tuple[int, str] | None:
        """As `_refusal`, for the JSON of a call; in it, gradio takes every `path` for a file to be read."""
        paths: list[Any] = []
        try:
            json.loads(body or b"null", object_hook=lambda found: paths.append(found.get("path")))
            is_own = all(self._is_in_folder(path) for path in paths if isinstance(path, str))
        except (ValueError, RecursionError):
            return 400, "a call is JSON"
        return None if is_own else (403, "only files that were uploaded are read")

    def _is_in_folder(self, path: str) -> bool:
        return path.startswith("/") and Path(path).resolve().is_relative_to(self.folder)


def _is_call(scope: Scope) -> bool:
    """Whether the body is JSON: all but the pictures that the browser sends, as files of a form."""
    is_form = _headers(scope).get("content-type", "").startswith("multipart/form-data")
    return scope["method"] == "POST" and scope["path"] != _UPLOAD and not is_form


async def _read(receive: Receive) -> bytes:
    parts, is_more = [], True
    while is_more:
        message = await receive()
        parts.append(message.get("body", b""))
        is_more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` of a request whose body was read already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}


def _is_needed(path: str) -> bool:
    if path.startswith(_FILE):
        return path.startswith(_FILE + "/")
    return path == "/" or path.startswith(_PAGE) or path.startswith(tuple(_API + call for call in _CALLS))


def _is_own(headers: Mapping[str, str], host: str) -> bool:
    return headers.get("origin") in (None, f"http://{host}")


def _length(headers: Mapping[str, str]) -> float:
    """Bytes of the body; not a number where it does not say."""
    length = headers.get("content-length", "")
    return float(length) if length.isdecimal() else float("nan")


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
