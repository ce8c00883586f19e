"""Says on stderr whose code is being waited for, when that takes surprisingly long."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOOK_S: Final = 0.5
_AGAIN: Final = 6.0
"""The next notice comes after so many times as long."""


class _Watch:
    """The calls that run in this process, looked at from a thread of its own."""

    def __init__(self) -> None:
        self._pid = 0
        self._calls: list[list[object]] = []

    def enter(self, what: str, patience_s: float) -> list[object]:
        """Note a call; the thread is started with the first one of a process."""
        if self._pid != os.getpid():  # a forked process has no thread, and its parent's calls
            self._pid, self._calls = os.getpid(), []
            threading.Thread(target=self._look, args=(self._pid,), daemon=True).start()
        call: list[object] = [what, time.monotonic(), patience_s]
        self._calls.append(call)
        return call

    def leave(self, call: list[object]) -> None:
        """Forget a call."""
        self._calls.remove(call)

    def _look(self, pid: int) -> None:
        while os.getpid() == pid:
            time.sleep(_LOOK_S)
            for call in list(self._calls):
                what, started, patience_s = call
                waited_s = time.monotonic() - float(str(started))
                if waited_s > float(str(patience_s)):
                    call[2] = float(str(patience_s)) * _AGAIN
                    sys.stderr.write(f"still waiting for {what}, for {waited_s:.0f} s now\n")
                    sys.stderr.flush()


_watch = _Watch()


@contextmanager
def patient(what: str, patience_s: float) -> Iterator[None]:
    """Say on stderr that ``what`` is still waited for, when it takes longer than ``patience_s``."""
    call = _watch.enter(what, patience_s)
    try:
        yield
    finally:
        _watch.leave(call)
