"""A host on this machine that answers as a test wants, for sources that fetch."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Answering = Callable[["Request", str, int], None]
"""(request, path without its query, how often that was asked for) -> None, after ``send``."""


class Request(BaseHTTPRequestHandler):
    """One request; ``send`` answers it."""

    protocol_version = "HTTP/1.1"
    host: LocalHost

    def do_GET(self) -> None:
        """Answer as the host's ``answer`` says."""
        path = self.path.partition("?")[0]
        with self.host.lock:
            self.host.asked[path] += 1
            self.host.requests.append(self.path)
            times = self.host.asked[path]
        self.host.answer(self, path, times)

    def do_HEAD(self) -> None:
        """Answer as for GET, without the body."""
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def send(
        self,
        body: bytes = b"",
        status: int = 200,
        kind: str = "image/png",
        *,
        length: int | None = None,
        **headers: str,
    ) -> None:
        """Send an answer; a ``length`` other than the body's cuts it off."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body)
        if length not in (None, len(body)):
            self.close_connection = True


class LocalHost:
    """Listens at ``url`` until ``close``; counts in ``asked`` how often each path was asked for."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.requests: list[str] = []
        self.lock = threading.Lock()
        handler = type("Bound", (Request,), {"host": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def num_asked(self) -> int:
        """How many requests came."""
        return sum(self.asked.values())

    def close(self) -> None:
        """Listen no longer."""
        self.server.shutdown()
        self.server.server_close()


def tile_png(zoom: int, x: int, y: int, side: int = 256) -> bytes:
    """Return a PNG that is told from all other tiles, with texture."""
    rng = np.random.default_rng((zoom, x, y))
    image = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).resize((side, side))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def serve_tiles(request: Request, path: str, times: int) -> None:
    """Answer ``/.../zoom/x/y.png``."""
    del times
    zoom, x, y = path.strip("/").removesuffix(".png").split("/")[-3:]
    request.send(tile_png(int(zoom), int(x), int(y)))


def serve_file(path: Path, tag: str = '"one"') -> Answering:
    """Return what serves a file, and parts of it."""
    content = path.read_bytes()

    def answer(request: Request, asked: str, times: int) -> None:
        del times
        if not asked.endswith(path.name):
            request.send(b"", 404)
            return
        span = request.headers.get("range", "")
        if not span:
            request.send(content, etag=tag)
            return
        first, last = (int(value) for value in span.removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        told = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        request.send(part, 206, "image/tiff", content_range=told, etag=tag)

    return answer
