"""How much memory a process and its children take, watched while they work (Linux)."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class Footprint:
    """While entered, a thread looks every ``every_s`` how much memory this process tree takes.

    ``most_bytes`` is the most that it saw, ``before_bytes`` what this process had at first. What
    processes share is counted once, in parts (Pss).
    """

    def __init__(self, every_s: float = 0.05) -> None:
        self.before_bytes = self.most_bytes = 0
        self._every_s = every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="georet-footprint")

    def __enter__(self) -> Self:
        self.before_bytes = self.most_bytes = _bytes_of(os.getpid())
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(self._every_s):
            own = sum(map(_bytes_of, [os.getpid(), *descendants(os.getpid())]))
            self.most_bytes = max(self.most_bytes, own)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def _bytes_of(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
