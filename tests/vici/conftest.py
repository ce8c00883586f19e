"""A stub of a vision model on this machine, whose answers are as a test wants them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest


def pictures_of(body: dict[str, Any]) -> list[np.ndarray]:
    """Return the pictures uint8[H, W, 3] of a request: the photo, then the tiles as shown."""
    parts = body["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    content = [base64.b64decode(url.partition("base64,")[2]) for url in urls]
    return [cv2.imdecode(np.frombuffer(c, np.uint8), cv2.IMREAD_COLOR) for c in content]


def chat(text: str, **usage: Any) -> bytes:
    """Return an answer of a chat API with this text."""
    message = {"role": "assistant", "content": text}
    answer = {"choices": [{"index": 0, "message": message}], "usage": usage}
    return json.dumps(answer).encode()


class Stub:
    """Counts requests; ``answer(handler, body, number)`` answers the request of that number."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[Any, dict[str, Any], int], None] = lambda *_: None

    def texts(self, text_of: Callable[[dict[str, Any]], str], **usage: Any) -> None:
        """Answer each request by the text that the function makes of its body."""
        self.answer = lambda handler, body, _: handler.send(chat(text_of(body), **usage))


@pytest.fixture
def stub() -> Iterator[Any]:
    """Return a stub that listens, with its address up to ``/v1`` as ``url``."""
    found = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found.bodies.append(body)
            found.headers.append({k.lower(): v for k, v in self.headers.items()} | {"": self.path})
            try:
                found.answer(self, body, len(found.bodies))
            except OSError:
                self.close_connection = True  # the client has hung up

        def send(self, content: bytes, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/v1"  # type: ignore[attr-defined]
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
