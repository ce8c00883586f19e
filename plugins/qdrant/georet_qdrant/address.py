"""Where the points are: an address that the user gave, and a key from the environment alone."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from georet.errors import UsageError
from georet_qdrant.engine import Engine

URL: Final = "QDRANT_URL"
KEY: Final = "QDRANT_API_KEY"
_HINT: Final = f"Give https://HOST:6333, or a folder for the engine in this process; also by {URL}."


def open_engine(address: str | None, *, where: str) -> Engine:
    """Return the engine at ``http(s)://HOST:PORT`` or in a folder; by default at ``QDRANT_URL``.

    The key, if any, is ``QDRANT_API_KEY``; it is sent over TLS, or to this very machine. UsageError
    for an address that is none, or that holds a password.
    """
    given = address or os.environ.get(URL, "")
    if not given:
        raise UsageError("no address is given", where=where, hint=_HINT)
    if "://" not in given:
        from georet_qdrant.edge import Edge

        return Edge.at(Path(given))
    parts = _checked(given, where)
    key = _key()
    if key and parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise UsageError(
            f"{KEY} is set, and would be sent unencrypted",
            where=given,
            hint=f"Use https://, or unset {KEY}.",
        )
    from georet_qdrant.server import Server

    return Server(given, key)


def _checked(given: str, where: str) -> SplitResult:
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        # What is wrong is not repeated, here and below: it may be a password.
        raise UsageError("the address can't be read", where=where, hint=_HINT) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "the address holds more than host, port and path",
            where=where,
            hint=f"A key comes from the environment: {KEY}.",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UsageError("the address is none of a server", where=where, hint=_HINT)
    return parts


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError("holds what no key is made of", where=KEY, hint="Set it again.")
    return key


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
