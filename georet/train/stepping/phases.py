"""The parts of a step, by the names under which a profile shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch

PREFIX = "georet: "
WAIT, FORWARD, LOSS, BACKWARD, UPDATE, NOTE = (
    "wait for the batch",
    "forward",
    "loss",
    "backward",
    "check and update",
    "note and observe",
)
Item = TypeVar("Item")


def phase(name: str) -> AbstractContextManager[Any]:
    """Return a context that a profiler sees under this name; without one it costs microseconds."""
    return torch.profiler.record_function(PREFIX + name)


def awaited(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; the time that they take to come is a phase of its own."""
    iterator = iter(items)
    while True:
        with phase(WAIT):
            item = next(iterator, None)
        if item is None:
            return
        yield item
