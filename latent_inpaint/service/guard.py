"""What the service lets through: own requests, with the token, of limited size, in time."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect

from latent_inpaint.service.limits import Limits, Refused
from latent_inpaint.service.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_log = logging.getLogger(__name__)
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; connect-src 'self' blob:; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
_OPEN = ("/", "/docs", "/openapi.json", "/v1/health")


class Guard:
    """An ASGI application around another.

    It refuses other names of the host (another site's name that was made to lead here), requests that other
    sites make, requests without the token, and bodies that are too large or too slow; it counts and logs
    what was asked, and tells the browser to load nothing from elsewhere.

    Args:
        application: what is guarded.
        metrics: where requests are counted.
        limits: of bodies.
        hosts: names under which it may be asked for, without ports; None are all, for a service with a token.
        token: that requests must bring as `Authorization: Bearer TOKEN`; None asks for none.
    """

    def __init__(
        self,
        application: Application,
        metrics: Metrics,
        limits: Limits,
        hosts: Collection[str] | None,
        token: str | None = None,
    ) -> None:
        self.application = application
        self.metrics = metrics
        self.limits = limits
        self.hosts = hosts
        self.token = token
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.application(scope, receive, send)
            return
        start, status = time.perf_counter(), 0
        body = _Body(receive, self.limits, self)

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            self._check(scope)
            await self.application(scope, body.receive, send_guarded)
        except Refused as refusal:
            if not status:
                await _answer(send_guarded, refusal)
        except (ClientDisconnect, ConnectionError):
            status = status or 499
        finally:
            body.release()
            seconds = time.perf_counter() - start
            self.metrics.count_request(scope["method"], scope["path"], status)
            _log.info("%s %s %d %.3f s", scope["method"], ascii(scope["path"])[1:-1], status, seconds)

    def take(self, count: int) -> None:
        """Count bytes that are held, below zero those that are let go; `Refused` if they are too many."""
        if count > 0 and self._held + count > self.limits.held_mib * 2**20:
            raise Refused(503, "too many uploads at one time; try again", retry_after=2)
        self._held += count

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self.hosts is not None and _hostname(host) not in self.hosts:
            raise Refused(403, f"host {host!r} is not served; --allow-host NAME allows one")
        if not _is_own(headers, host):
            raise Refused(403, "requests of other sites are refused")
        if self.token is not None and not _is_open(scope["path"]):
            given = headers.get("authorization", "").removeprefix("Bearer ").encode("latin1")
            if not hmac.compare_digest(given, self.token.encode()):
                raise Refused(401, "a token is needed: the header Authorization: Bearer TOKEN")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise Refused(400, "content-length must be a number")
        if len(length) > 12 or int(length) > self.limits.upload_mib * 2**20:
            raise Refused(413, f"at most {self.limits.upload_mib} MiB are taken")


class _Body:
    """A request's body, within its size and time."""

    def __init__(self, receive: Receive, limits: Limits, guard: Guard) -> None:
        self._receive, self._limits, self._guard = receive, limits, guard
        self._end = time.monotonic() + limits.body_seconds
        self._size, self._is_whole = 0, False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()  # waits for the client to go
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._end - time.monotonic()))
        except asyncio.TimeoutError:
            raise Refused(408, f"the body took longer than {self._limits.body_seconds:g} s") from None
        count = len(message.get("body", b""))
        self._guard.take(count)
        self._size += count
        self._is_whole = not message.get("more_body", False)
        if self._size > self._limits.upload_mib * 2**20:
            raise Refused(413, f"at most {self._limits.upload_mib} MiB are taken")
        return message

    def release(self) -> None:
        self._guard.take(-self._size)
        self._size = 0


def _is_open(path: str) -> bool:
    """Whether an address needs no token: the page without pictures."""
    return path in _OPEN or (path.startswith("/page/") and path.count("/") == 2)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_own(headers: Mapping[str, str], host: str) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin", "same-site")
    return origin in (f"http://{host}", f"https://{host}")


async def _answer(send: Send, refusal: Refused) -> None:
    body = json.dumps({"detail": refusal.message}).encode()
    given = {"content-type": "application/json", "connection": "close", **refusal.headers}
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
