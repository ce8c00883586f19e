"""Asking a chat API: one request, its time and size bounded, whatever comes back distrusted."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from georet.errors import ConfigError, DataError

MOST_BYTES: Final = 1 << 20
"""Of an answer: a list of numbers and a sentence need less than a thousand."""
_BLOCK: Final = 1 << 14
_AGAIN: Final = (408, 409, 425, 429, 500, 502, 503, 504)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Transient(Exception):  # noqa: N818 - not an error yet
    """What may be right when asked again: a busy host, an answer that is none."""


class Said(NamedTuple):
    """The text of an answer, and how many tokens the host says it took (None: it doesn't say)."""

    text: str
    num_input: int | None
    num_output: int | None


@dataclass(frozen=True)
class Host:
    """Who is asked: ``url`` ends before ``/chat/completions``; a key comes from the environment.

    Redirects are not followed, and what the host sends is read up to 1 MiB, within ``timeout_s``
    seconds in all. Plain http is for this machine, or where ``plain_http`` allows it.
    """

    url: str
    key_env: str = ""
    timeout_s: float = 60.0
    plain_http: bool = False

    def __post_init__(self) -> None:
        parts = self.parts
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"{self.url!r} is no address",
                where="url",
                hint="Such as http://127.0.0.1:8000/v1 or https://api.example.com/v1.",
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError(
                "the address holds more than host and path",
                where="url",
                hint="A key is named by key_env=NAME, the variable of the environment that has it.",
            )
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not self.plain_http:
            raise ConfigError(
                f"{parts.hostname} would be sent pictures that anybody on the way can read",
                where="url",
                hint="Use https, or allow it by plain_http=true.",
            )

    @property
    def parts(self) -> SplitResult:
        """The address in its parts; ConfigError for none."""
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError as error:
            raise ConfigError(f"{self.url!r} is no address: {error}", where="url") from error
        return parts

    def ask(self, body: bytes) -> Said:
        """Send a request and return what is said; Transient or DataError where nothing is."""
        until = time.monotonic() + self.timeout_s
        connection = self._connection()
        try:
            path = self.parts.path.rstrip("/") + "/chat/completions"
            connection.request("POST", path, body, self._headers())
            response = connection.getresponse()
            content = self._read(response, connection, until)
        except TimeoutError as error:
            raise Transient(f"no answer within {self.timeout_s:g} s") from error
        except ssl.SSLError as error:
            raise DataError("its certificate can't be trusted, or TLS fails", where=self.url) from (
                error
            )
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise Transient(f"the connection failed ({type(error).__name__})") from error
        finally:
            connection.close()
        if response.status in _AGAIN:
            raise Transient(f"answers with status {response.status}")
        if response.status != 200:
            raise DataError(f"answers with status {response.status}", where=self.url)
        return said_in(content)

    def _connection(self) -> http.client.HTTPConnection:
        parts = self.parts
        host, timeout = str(parts.hostname), self.timeout_s
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if not self.key_env:
            return headers
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise DataError(
                f"the variable {self.key_env} is not set",
                where="key_env",
                hint="It holds the key of the host; nothing was sent.",
            )
        return headers | {"Authorization": f"Bearer {key}"}

    def _read(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        until: float,
    ) -> bytes:
        """Return the body; a host that sends a byte now and then does not get more time."""
        parts: list[bytes] = []
        size = 0
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            part = response.read1(_BLOCK)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise DataError(f"sends more than {MOST_BYTES:,} bytes", where=self.url)


def said_in(content: bytes) -> Said:
    """Return the text of the first choice of an answer; Transient for what is none."""
    try:
        answer: Any = json.loads(content)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Transient("the answer is not one of a chat API") from error
    if not isinstance(text, str):
        raise Transient("the answer has no text")
    usage = answer.get("usage")
    told = usage if isinstance(usage, dict) else {}
    return Said(text, _count(told.get("prompt_tokens")), _count(told.get("completion_tokens")))


def _count(value: object) -> int | None:
    """Return a number of tokens, None for what is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40
    return value if is_count and isinstance(value, int) else None
