"""Questions to a vision model: told before they are sent, limited, repeated, and remembered."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from georet.errors import DataError
from georet.files import write_atomic
from georet.progress import say
from georet_vici.chat import MOST_BYTES, Host, Said, Transient
from georet_vici.spending import Purse

_T = TypeVar("_T")
_FIRST_WAIT_S: Final = 0.5


@dataclass
class Asker:
    """Asks ``host``, at most ``retries`` times more where an answer is none or the host is busy.

    ``what`` says in words what is sent; it is printed before anything leaves, once a process.
    Answers that were understood are kept in ``cache`` (a folder, None: nowhere), by a hash of
    address and request; the key is not part of it.
    """

    host: Host
    purse: Purse
    what: str
    retries: int = 2
    cache: Path | None = None
    wait: Callable[[float], None] = time.sleep
    _is_told: bool = field(default=False, init=False)

    def ask(self, body: dict[str, Any], understood: Callable[[str], _T]) -> _T:
        """Return the answer to a request as ``understood`` reads it.

        Raises DataError where a limit is reached, or where no answer is one after all tries.
        """
        sent = json.dumps(body, sort_keys=True).encode()
        path = self._path(sent)
        if path is not None and (kept := _kept(path)) is not None:
            try:
                return understood(kept)
            except Transient:
                pass  # of an older version, or touched by somebody: ask again
        pictures = sum(part["type"] == "image_url" for part in body["messages"][0]["content"])
        letters = len(str(body["messages"][0]["content"][0]["text"]))
        wait_s = _FIRST_WAIT_S
        for attempt in range(self.retries + 1):
            self.purse.check(letters, pictures)
            try:
                found, text = self._once(sent, letters, pictures, understood)
            except Transient as error:
                if attempt == self.retries:
                    raise DataError(
                        f"{error}; asked {attempt + 1} times", where=self.host.url
                    ) from error
                self.wait(wait_s)
                wait_s *= 2
                continue
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, json.dumps({"text": text}).encode())
            return found
        raise AssertionError  # the loop returns or raises

    def _once(
        self, sent: bytes, letters: int, pictures: int, understood: Callable[[str], _T]
    ) -> tuple[_T, str]:
        if not self._is_told:
            say(self.what)
            self._is_told = True
        self.purse.asked(letters, pictures)
        said: Said = self.host.ask(sent)
        self.purse.answered(said, letters, pictures)
        return understood(said.text), said.text

    def _path(self, sent: bytes) -> Path | None:
        if self.cache is None:
            return None
        digest = hashlib.sha256(self.host.url.encode() + b"\n" + sent).hexdigest()
        return self.cache / digest[:2] / f"{digest}.json"


def _kept(path: Path) -> str | None:
    """Return the text of an answer that was kept, None where there is none that can be read."""
    try:
        if path.stat().st_size > 2 * MOST_BYTES:
            return None
        text = json.loads(path.read_bytes())["text"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return text if isinstance(text, str) else None
