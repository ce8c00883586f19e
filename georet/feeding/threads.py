"""Working on several batches at once by threads, for runtimes that take one call after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from georet.types import Floats, Pixels

HELD: Final = 3
"""Batches under way: one is copied, one computed, one is asked for."""


def in_threads(embed: Callable[[Pixels], Floats], batches: Iterable[Pixels]) -> Iterator[Floats]:
    """Yield embeddings float32[B, D] of each batch uint8[B, H, W, 3], in order.

    ``embed`` is called from ``HELD`` - 1 threads at once: while one call copies, another computes.
    """
    under_way: deque[Future[Floats]] = deque()
    with ThreadPoolExecutor(HELD - 1, thread_name_prefix="georet-embed") as pool:
        for images in batches:
            under_way.append(pool.submit(embed, images))
            if len(under_way) == HELD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
