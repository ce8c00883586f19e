"""Healthcheck of the images: is the page answered, if this container serves one?"""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

PORT = os.environ.get("GEORET_PORT", "8765")


def main(command: list[str], address: str) -> int:
    """Return 0 where ``command`` serves no page, or the page's server answers; else 1."""
    if "serve" not in command and "demo" not in command:
        return 0
    token = os.environ.get("GEORET_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/gallery", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1


if __name__ == "__main__":
    first = Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")
    sys.exit(main(first, f"http://127.0.0.1:{PORT}"))
