"""Open files that belong to one process: opened when needed, never carried to another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Opened = TypeVar("Opened")


class Handle(Generic[Opened]):
    """Opener by ``opener`` at the first use in a process; a forked or unpickled copy opens anew.

    Neither GDAL nor SQLite allows a handle to be used on both sides of a fork. ``opener`` has to
    be picklable (a method of a picklable object, a ``functools.partial``).
    """

    def __init__(self, opener: Callable[[], Opened]) -> None:
        self._opener = opener
        self._owner: int | None = None
        self._opened: Opened | None = None
        self._inherited: list[Opened | None] = []

    def get(self) -> Opened:
        """Return what was opened in this process."""
        if self._opened is None or self._owner != os.getpid():
            # A handle from before a fork is kept, since closing it here may harm its owner.
            self._inherited.append(self._opened)
            self._opened, self._owner = self._opener(), os.getpid()
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        return {"_opener": self._opener, "_owner": None, "_opened": None, "_inherited": []}
