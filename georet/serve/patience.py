"""Hangs up on connections that keep their place and do nothing with it."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_S: Final = 20.0
"""Who does not get on for so long, seen twice, is hung up on: after once to twice this time."""

_Sight = tuple[object, int]


class Impatient(H11Protocol):
    """HTTP/1.1 that waits neither for a request's head nor for a reader for ever.

    Uvicorn has a limit for the pause between requests alone, and the first byte ends that pause.
    The time of a photo's body is limited where it is taken in.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at the connection from time to time."""
        super().connection_made(transport)
        self._look(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self, before: _Sight | None) -> None:
        now = self.cycle, self.transport.get_write_buffer_size()
        # Before the first request there is no cycle, whatever uvicorn's annotation says.
        is_answered = getattr(self.cycle, "response_complete", True)
        if now == before and (is_answered or now[1] > 0):
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(PATIENCE_S, self._look, now)
