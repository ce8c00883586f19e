"""Secrets of addresses: taken from the environment, and never shown."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import urlsplit

from georet.addresses import shown_url
from georet.errors import UsageError

__all__ = ["check_http", "shown_source", "shown_url", "with_secrets"]
_PLACEHOLDER: Final = re.compile(r"\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def shown_source(text: str) -> str:
    """Return an address with options behind ``#``: hidden is what the address holds."""
    url, mark, options = text.partition("#")
    return f"{shown_url(url)}{mark}{options}"


def with_secrets(text: str, where: str) -> str:
    """Return text with each ``{env:NAME}`` replaced by the environment's value."""

    def value(found: re.Match[str]) -> str:
        secret = os.environ.get(found[1])
        if secret is None:
            raise UsageError(
                f"the environment has no {found[1]}",
                where=where,
                hint=f"export {found[1]}=... puts the key there, and nowhere else.",
            )
        return secret

    return _PLACEHOLDER.sub(value, text)


def check_http(url: str, where: str) -> None:
    """Raise UsageError unless this is an address of http or https with a host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("is no address of http or https", where=where)
