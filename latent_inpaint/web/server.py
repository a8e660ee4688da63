"""Serving the page, to this machine only."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from latent_inpaint.extras import how_to_install
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.web.guard import Guard
from latent_inpaint.web.pictures import MAX_UPLOAD_MIB, limit_pillow

HOST, PORT = "127.0.0.1", 7860


def serve(models: Mapping[str, Pipeline], host: str = HOST, port: int = PORT) -> None:
    """Serve the page until Ctrl-C. Its files lie in a temporary folder of its own, which is then removed.

    Args:
        models: the networks to choose from, by name.
        host: an address of this machine's loopback.
        port: 0 takes a free one.

    Raises:
        ImportError: the extra `serve` is missing.
        ValueError: an address that others could reach, or no port.
        OSError: the port is taken.
    """
    check_available(host, port)
    with tempfile.TemporaryDirectory(prefix="latent_inpaint_") as folder, _listen(host, port) as listening:
        # read by gradio, and by matplotlib that it uses where it is installed, when they are imported
        os.environ.update(
            GRADIO_TEMP_DIR=folder,
            MPLCONFIGDIR=folder,
            MPLBACKEND="agg",
            GRADIO_ANALYTICS_ENABLED="False",
            GRADIO_RUN_HISTORY="False",
            HF_HUB_OFFLINE="1",
            HF_HUB_DISABLE_TELEMETRY="1",
        )
        limit_pillow()
        server = _server(models, host, folder)
        print(f"http://{host}:{listening.getsockname()[1]}/ (Ctrl-C ends)", flush=True)
        server.run(sockets=[listening])


def check_available(host: str, port: int) -> None:
    """Whether the page can be served at `host` and `port`: said before anything is loaded.

    Raises:
        ImportError: the extra `serve` is missing.
        ValueError: an address that others could reach, or no port.
    """
    if find_spec("gradio") is None:
        raise ImportError(f"the page needs gradio: {how_to_install('serve')}")
    try:
        is_loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(
            f"host must be an address of the loopback such as {HOST}, got {host!r}; from another machine use "
            f"ssh -L {PORT}:{HOST}:{PORT} THIS_MACHINE"
        )
    if not 0 <= port <= 65535:
        raise ValueError(f"port must lie in [0, 65535], got {port}")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise OSError(f"{host}:{port}: {error.strerror}; --port takes another") from error


def _server(models: Mapping[str, Pipeline], host: str, folder: str) -> Any:
    import gradio
    import uvicorn
    from fastapi import FastAPI

    from latent_inpaint.web.page import build_page

    page = build_page(models, folder)
    page.has_launched = True  # mounted pages would read files that were not uploaded
    # No address but that of the page: neither FastAPI's documentation nor gradio's footer.
    application = gradio.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path="/",
        server_name=host,
        footer_links=[],
        allowed_paths=[],
        max_file_size=MAX_UPLOAD_MIB * 2**20,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    guard = Guard(application, {host, "localhost"}, (MAX_UPLOAD_MIB + 1) * 2**20, folder)
    return uvicorn.Server(uvicorn.Config(guard, log_level="warning", timeout_graceful_shutdown=1))
