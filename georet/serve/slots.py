"""A bounded queue: so many at work, so many waiting, and everybody else is sent away at once."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Self


class BusyError(Exception):
    """All places are taken, in the queue too."""


class Slots:
    """Async context: at most ``num`` inside, at most ``waiting`` before the door."""

    def __init__(self, num: int, waiting: int) -> None:
        self._inside = asyncio.Semaphore(num)
        self._free = num + waiting

    async def __aenter__(self) -> Self:
        """Wait for a place; BusyError where there is none to wait in."""
        if self._free <= 0:
            raise BusyError
        self._free -= 1
        try:
            await self._inside.acquire()
        except BaseException:
            self._free += 1
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back."""
        self._inside.release()
        self._free += 1


def num_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
