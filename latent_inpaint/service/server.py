"""Serving: to this machine only, or to others with a token."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from typing import Any

from latent_inpaint.extras import how_to_install
from latent_inpaint.inference.segmenting import Segmenter
from latent_inpaint.service.limits import Limits

HOST, PORT = "127.0.0.1", 7860
TOKEN_VARIABLE = "LATENT_INPAINT_TOKEN"


def serve(
    sources: Mapping[str, Any],
    load: Callable[[Any], Any],
    host: str = HOST,
    port: int = PORT,
    token: str | None = None,
    allow_hosts: Collection[str] = (),
    limits: Limits | None = None,
    keep: int = 1,
    segmenter: Segmenter | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; what runs then may end, for 30 seconds.

    Args:
        sources: what `load` takes, by the names of the networks.
        load: makes a pipeline of a source.
        host: where to listen.
        port: 0 takes a free one.
        token: that clients must bring; needed for addresses that others can reach.
        allow_hosts: further names under which it may be asked for, such as a proxy's.
        limits: None are the defaults.
        keep: networks in memory at one time.
        segmenter: finds the object under a point, where there is one.

    Raises:
        ImportError: the extra `serve` is missing.
        ValueError: an address that others could reach, without a token; or no port.
        OSError: the port is taken.
    """
    check_available(host, port, token)
    import uvicorn

    from latent_inpaint.service.app import build
    from latent_inpaint.service.guard import Guard
    from latent_inpaint.service.jobs import check_current
    from latent_inpaint.service.metrics import Metrics
    from latent_inpaint.service.shelf import Shelf

    limits, metrics = limits or Limits(), Metrics()
    application, service = build(Shelf(sources, load, keep, check_current), limits, metrics, segmenter)
    is_open = token is not None and not is_loopback(host) and not allow_hosts
    hosts = None if is_open else {host, "localhost", "127.0.0.1", *allow_hosts}
    guard = Guard(application, metrics, limits, hosts, token)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            service.jobs.close()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        guard,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
        timeout_keep_alive=5,
        limit_concurrency=256,
        h11_max_incomplete_event_size=64 * 1024,
    )
    with _listen(host, port) as listening:
        print(f"http://{host}:{listening.getsockname()[1]}/ (Ctrl-C ends)", flush=True)
        Server(config).run(sockets=[listening])


def check_available(host: str, port: int, token: str | None = None) -> None:
    """Whether there can be a service at `host` and `port`: said before anything is loaded.

    Raises:
        ImportError: the extra `serve` is missing.
        ValueError: an address that others could reach, without a token; a short token; or no port.
    """
    for package in ("fastapi", "uvicorn", "python_multipart"):
        if find_spec(package) is None:
            raise ImportError(f"the service needs {package}: {how_to_install('serve')}")
    if token is not None and (len(token) < 16 or not token.isascii()):
        raise ValueError("token must have at least 16 characters, of ASCII")
    if token is None and not is_loopback(host):
        raise ValueError(
            f"host {host!r} can be reached from other machines: set {TOKEN_VARIABLE} (--token-file FILE) to "
            f"what clients must bring, or use ssh -L {PORT}:{HOST}:{PORT} THIS_MACHINE"
        )
    if not 0 <= port <= 65535:
        raise ValueError(f"port must lie in [0, 65535], got {port}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise OSError(f"{host}:{port}: {reason}; --port takes another") from error
