"""A server on the loopback address that serves one file in the ways in which servers and networks fail."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop:
    """What the server does: `content` under /file; `cuts` are lengths at which the next answers break off."""

    def __init__(self, content):
        self.content, self.cuts, self.asked = content, [], []
        self.ranges, self.status, self.location, self.delay = True, 200, None, None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        shop = self.server.shop
        shop.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", shop.location)
            self.end_headers()
            return
        if shop.status != 200:
            self.send_error(shop.status)
            return
        start = 0
        if shop.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(shop.content):
                self.send_error(416)
                return
        body = shop.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if shop.delay is not None:
            shop.delay.wait(20)
        self.wfile.write(body[: shop.cuts.pop(0)] if shop.cuts else body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(content):
    """A shop, its address in `shop.address`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.shop = shop = Shop(content)
    shop.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
