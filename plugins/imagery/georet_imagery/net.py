"""Asking hosts politely: few at a time, not too often, again after a while, and never forever."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from georet.errors import DataError
from georet.extras import need
from georet.version import __version__
from georet_imagery.redact import check_http, shown_url

AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
GONE: Final = (204, 404, 410)
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 5
_LONGEST_WAIT_S: Final = 60.0
MOST_BYTES: Final = 64 << 20


class Transient(Exception):  # noqa: N818 - not an error yet
    """What may pass: a host that is late, busy or cut off."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Answer:
    """What a host sent: its body, its headers, and the address that it came from in the end."""

    content: bytes
    headers: Mapping[str, str]
    status: int
    url: str


@dataclass
class Client:
    """Gets addresses; safe to use from several threads.

    At most ``rate`` requests a second begin. What may pass is asked for again up to ``retries``
    times, after 0.5 s, 1 s, 2 s ... or what the host asks for. Counts requests, retries and bytes.
    """

    rate: float = 20.0
    retries: int = 5
    timeout_s: float = 30.0
    first_wait_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    num_requests: int = 0
    num_retries: int = 0
    num_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_s: float = 0.0
    _http: Any = None

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Answer], None] = lambda _: None,
        json_body: object = None,
    ) -> Answer | None:
        """Return what an address holds, None where the host says that there is nothing.

        ``check`` may raise Transient for an answer that is not to be believed. DataError, without
        any secret in it, says what is wrong in the end.
        """
        shown = shown_url(url)
        wait_s, attempt = self.first_wait_s, 0
        while True:
            try:
                answer = self._once(url, headers or {}, json_body)
                if answer is not None:
                    check(answer)
            except Transient as error:
                attempt += 1
                if attempt > self.retries:
                    raise DataError(
                        f"{error}; asked {attempt} times", where=shown,
                        hint="What was fetched is kept: the same command goes on. #rate=2 asks "
                        "less often, #timeout=120 waits longer.",
                    ) from None  # fmt: skip
                with self._lock:
                    self.num_retries += 1
                pause_s = min(error.wait_s or wait_s, _LONGEST_WAIT_S)
                self.sleep(pause_s * (1 + 0.1 * random.random()))  # noqa: S311 - spreads threads
                wait_s *= 2
                continue
            return answer

    def close(self) -> None:
        """Hang up."""
        if self._http is not None:
            self._http.close()

    def _once(self, url: str, headers: Mapping[str, str], json_body: object) -> Answer | None:
        httpx = need("httpx", extra="imagery", what="imagery from elsewhere")
        shown, asked = shown_url(url), url
        for _ in range(_MOST_REDIRECTS + 1):
            check_http(asked, shown)
            self._take_turn()
            try:
                answer = self._ask(httpx, asked, headers, json_body)
            except httpx.TimeoutException as error:
                raise Transient(f"did not answer within {self.timeout_s:g} s") from error
            except httpx.TransportError as error:
                raise _explained(error, shown) from error
            if answer.status not in _REDIRECTS:
                return _judged(answer, shown)
            following = urljoin(asked, answer.headers.get("location", ""))
            if urlsplit(asked).scheme == "https" and urlsplit(following).scheme != "https":
                raise DataError("leads from https to an address without it", where=shown)
            if urlsplit(following).hostname != urlsplit(asked).hostname:
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            asked = following
        raise DataError(f"leads on and on: more than {_MOST_REDIRECTS} redirects", where=shown)

    def _ask(self, httpx: Any, url: str, headers: Mapping[str, str], json_body: object) -> Answer:
        with self._lock:
            if self._http is None:
                self._http = httpx.Client(
                    timeout=self.timeout_s,
                    headers={"user-agent": f"georet/{__version__}"},
                    follow_redirects=False,
                )
            self.num_requests += 1
        method, body = ("GET", {}) if json_body is None else ("POST", {"json": json_body})
        began_s = time.monotonic()
        with self._http.stream(method, url, headers=dict(headers), **body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    what = f"sends more than {MOST_BYTES:,} bytes at once"
                    raise DataError(what, where=shown_url(url))
                if time.monotonic() - began_s > 4 * self.timeout_s:
                    raise Transient(f"took more than {4 * self.timeout_s:g} s for one answer")
        with self._lock:
            self.num_bytes += size
        return Answer(b"".join(parts), response.headers, response.status_code, url)

    def _take_turn(self) -> None:
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(self._next_s, now_s)
            self._next_s = turn_s + 1 / self.rate
        if turn_s > now_s:
            time.sleep(turn_s - now_s)


def _explained(error: Exception, shown: str) -> Exception:
    """Return what a broken connection means: DataError for what trying again doesn't mend."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return DataError(
                "its certificate can't be trusted, or TLS fails",
                where=shown,
                hint="SSL_CERT_FILE=ca.pem names the certificates to trust.",
            )
        cause = cause.__cause__ or cause.__context__
    if "Name or service not known" in str(error) or "name resolution" in str(error):
        hint = "Is there a network? What is in the cache is used without one."
        return DataError("the host can't be found", where=shown, hint=hint)
    return Transient(f"the connection broke ({type(error).__name__})")


def _judged(answer: Answer, shown: str) -> Answer | None:
    if answer.status in (200, 206):
        return answer
    if answer.status in GONE:
        return None
    if answer.status in AGAIN:
        told = answer.headers.get("retry-after", "")
        raise Transient(
            f"answers with status {answer.status}", float(told) if told.isdigit() else 0
        )
    if answer.status in (401, 403):
        raise DataError(
            f"refuses access (status {answer.status})",
            where=shown,
            hint="A key in the address, best as {env:NAME}, may be missing or have run out.",
        )
    raise DataError(f"answers with status {answer.status}", where=shown)
