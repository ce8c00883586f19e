"""Results that need not be computed twice in a row."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Memo:
    """Remembers the last result of each name, as long as the objects it was made from live."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[list[weakref.ref[object]], object]] = {}

    def of(self, name: str, sources: tuple[object, ...], make: Callable[[], _T]) -> _T:
        """Return ``make()``, or what it returned last for the very same sources."""
        refs, value = self._kept.get(name, ([], None))
        if len(refs) == len(sources) and all(
            ref() is source for ref, source in zip(refs, sources, strict=True)
        ):
            return value  # type: ignore[return-value]
        made = make()
        self._kept[name] = [weakref.ref(source) for source in sources], made
        return made
