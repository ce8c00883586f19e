"""Who may speak with the server: by Host, Origin, fetch metadata and, where set, a token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "georet_token"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True)
class Refusal:
    """An answer instead of what was asked for."""

    status: int
    error: str
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """What a request must carry: ``host`` is the address served, ``token`` a secret or None.

    A page elsewhere could reach a server on this machine through the user's browser: by a name
    that resolves to 127.0.0.1 (DNS rebinding, so only known names are served) or by a form or
    script aimed at it (so requests that another origin starts are refused).
    """

    host: str = "127.0.0.1"
    token: str | None = None
    machine: str = ""
    """The machine's own name, which counts at a wildcard address."""

    def refuses(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request is refused, or None; ``headers`` have names in lower case."""
        host = headers.get("host", "")
        if not self._is_own_name(host):
            return Refusal(403, "this server is not known by that name", f"Host was {host[:80]!r}")
        if not _is_own_origin(headers.get("origin"), host):
            return Refusal(403, "requests that another page starts are refused")
        is_visit = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_visit:
            return Refusal(403, "requests that another page starts are refused")
        if self.token is not None and not self.is_token(_token_of(headers)):
            hint = "Open the address that the server printed, or send Authorization: Bearer TOKEN."
            return Refusal(
                401, "the token is missing or wrong", hint, {"WWW-Authenticate": "Bearer"}
            )
        return None

    @property
    def is_wildcard(self) -> bool:
        """Whether the server listens at all addresses of the machine."""
        return self.host in _WILDCARDS

    def is_token(self, given: str) -> bool:
        """Say whether this is the token, in time that does not depend on what was given."""
        return self.token is not None and hmac.compare_digest(
            given.encode("utf-8", "replace"), self.token.encode("utf-8", "replace")
        )

    def _is_own_name(self, header: str) -> bool:
        name = _hostname(header)
        if name is None:
            return False
        if self.is_wildcard:
            # A rebound name is a name; a bare address can't be made to point elsewhere.
            return name in (*LOOPBACK, self.machine.lower()) or _is_address(name)
        return name == self.host.lower() or (self.host in LOOPBACK and name in LOOPBACK)


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    return host in LOOPBACK or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _hostname(header: str) -> str | None:
    """Return the name in a Host header, lower case and without port; None if it is no such."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    is_plain = parts.netloc == header and not parts.username and parts.password is None
    return parts.hostname if is_plain and "@" not in header else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_own_origin(origin: str | None, host: str) -> bool:
    return origin is None or origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def _token_of(headers: Mapping[str, str]) -> str:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie is not None else ""
