"""Healthcheck of the images: is the page answered, if this container serves one?"""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path


def main(command: list[str], port: int) -> int:
    """Return 0 where ``command`` serves no page, or the page's server answers; else 1."""
    if "serve" not in command and "demo" not in command:
        return 0
    token = os.environ.get("GEORET_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/gallery", headers=headers)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"port {port}: {error}\n")
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    first = Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")
    sys.exit(main(first, int(os.environ.get("GEORET_PORT", "8765"))))
