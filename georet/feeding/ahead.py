"""All batches of a list from a feeder, asked for as far ahead as it has room."""

from __future__ import annotations

import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from georet.feeding.batch import Filled
from georet.feeding.decoder import Filler
from georet.feeding.feeder import Feeder, HereFeeder, PoolFeeder
from georet.types import Ints


def in_order(
    feeder: Feeder,
    batches: Iterable[Ints],
    *,
    held: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Filled]:
    """Yield the batches of rows int64[B], in order; ``check`` is called while they are waited for.

    The images of one are good until ``held`` more batches were asked for.
    """
    left, taken = deque(batches), deque[Filled]()
    while left or feeder.num_pending:
        if len(taken) == held:
            feeder.release(taken.popleft())
        while left and feeder.has_room:
            feeder.put(left.popleft(), None)
        taken.append(feeder.take(check))
        yield taken[-1]


def quick_feeder(
    filler: Filler,
    *,
    size: tuple[int, int],
    capacity: int,
    num_batches: int,
    workers: int,
    held: int = 1,
    timeout_s: float | None = None,
) -> Feeder:
    """Return a feeder that is soon under way, for ``num_batches``: on Linux decoders are forked.

    They should do nothing but read and resize. With 0 ``workers`` the calling thread reads.
    """
    if not workers:
        return HereFeeder(filler, size=size, capacity=capacity, num_slots=held)
    return PoolFeeder(
        filler,
        size=size,
        capacity=capacity,
        workers=workers,
        held=held,
        most_slots=num_batches,
        timeout_s=timeout_s,
        context=_forking(),
    )


def _forking() -> Any:
    return multiprocessing.get_context("fork") if sys.platform == "linux" else None
