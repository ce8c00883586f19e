"""Threads for compiled loops over rows, which hold no interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

import numpy as np
from numba import config

PARTS_PER_THREAD: Final = 4
ALONE: Final = 512
"""Rows for which starting threads would take longer than the work."""


class Threads:
    """As many threads as numba would use (``NUMBA_NUM_THREADS``)."""

    def __init__(self) -> None:
        self._num = int(config.NUMBA_NUM_THREADS)
        self._pool = ThreadPoolExecutor(self._num)

    def share(self, num_rows: int, work: Callable[[int, int], None]) -> None:
        """Call ``work(first, end)`` for parts of the rows at once, and wait for all.

        There are more parts than threads, so that a thread whose core is taken away holds up few.
        """
        num_parts = max(1, min(PARTS_PER_THREAD * self._num, num_rows))
        ends = np.linspace(0, num_rows, num_parts + 1).astype(int).tolist()
        for part in [self._pool.submit(work, *part) for part in pairwise(ends)]:
            part.result()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def share(num_rows: int, work: Callable[[int, int], None], *, alone: int = ALONE) -> None:
    """Do as ``Threads.share`` with threads of their own; up to ``alone`` rows in the caller's."""
    if num_rows <= alone or config.NUMBA_NUM_THREADS == 1:
        work(0, num_rows)
        return
    threads = Threads()
    try:
        threads.share(num_rows, work)
    finally:
        threads.close()
