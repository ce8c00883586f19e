"""Stopping on SIGTERM or Ctrl-C at a moment where nothing is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from georet.errors import Interrupted

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """While entered, a signal only sets ``requested``; a second Ctrl-C acts at once."""

    def __init__(self) -> None:
        self.requested: str | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {s: signal.signal(s, self._handle) for s in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self, kept: str, *, hint: str) -> None:
        """Raise Interrupted when a signal has come, saying what is ``kept`` and how to go on."""
        if self.requested:
            raise Interrupted(f"stopped by {self.requested}; {kept}", hint=hint)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = signal.Signals(number).name


def leave_signals_to_parent() -> None:
    """Ignore both signals in a worker process.

    Those to the whole group are the main process's to answer; a closed pipe ends a worker.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
