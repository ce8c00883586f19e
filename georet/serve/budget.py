"""A budget of memory for photos that are decoded: who asks for more than is free waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from georet.page.readable import megabytes
from georet.serve.access import Refusal
from georet.serve.upload import RefusedError


class Budget:
    """So many bytes for all photos that are decoded at the same time, first come, first served."""

    def __init__(self, num_bytes: int) -> None:
        self.total = self.free = num_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def share(self, num_bytes: int) -> AsyncIterator[None]:
        """Hold ``num_bytes`` inside; RefusedError for more than there ever is."""
        if num_bytes > self.total:
            what = f"the photo takes {megabytes(num_bytes)} of memory to decode"
            hint = f"At most {megabytes(self.total)} are lent: make it smaller, or --memory more."
            raise RefusedError(Refusal(413, what, hint))
        await self._take(num_bytes)
        try:
            yield
        finally:
            self.free += num_bytes
            self._admit()

    async def _take(self, num_bytes: int) -> None:
        # Behind those who wait, so that small photos don't starve a large one.
        if not self._waiting and num_bytes <= self.free:
            self.free -= num_bytes
            return
        place = num_bytes, asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place[1]
        except BaseException:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self.free += num_bytes
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.free:
            num_bytes, future = self._waiting.popleft()
            self.free -= num_bytes
            if future.done():  # cancelled meanwhile
                self.free += num_bytes
            else:
                future.set_result(None)
