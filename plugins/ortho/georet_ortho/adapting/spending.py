"""What the work has cost: CPU seconds by part, over all calls that it took."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from georet.files import read_object, write_json

SPENT: Final = "spent.json"


@dataclass
class Spent:
    """CPU seconds of this process and of children that have ended, kept in a file.

    A part that a killed call was in has lost its figure: then ``is_whole`` is False, and the sum
    is less than what was spent.
    """

    path: Path
    parts: dict[str, float] = field(default_factory=dict)
    is_whole: bool = True

    @classmethod
    def begun(cls, folder: Path) -> Self:
        """Return what earlier calls have spent in ``folder``, nothing where there were none."""
        path = folder / SPENT
        if not path.is_file():
            return cls(path)
        found = read_object(path)
        parts = {str(name): float(each) for name, each in found["parts"].items()}
        return cls(path, parts, bool(found["is_whole"]) and found["within"] is None)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what is spent within to the part ``name``, also where it is stopped."""
        self._save(within=name)
        begun_s = cpu_s()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + cpu_s() - begun_s
            self._save(within=None)

    @property
    def total_s(self) -> float | None:
        """All of it, None where a part of it is not known."""
        return sum(self.parts.values()) if self.is_whole else None

    def as_json(self) -> dict[str, object]:
        """Return ``cpu_s`` and ``spent_s``, which are told beside the other figures."""
        total_s = self.total_s
        return {
            "cpu_s": None if total_s is None else round(total_s, 1),
            "spent_s": {name: round(each, 1) for name, each in self.parts.items()},
        }

    def _save(self, within: str | None) -> None:
        write_json(self.path, {"parts": self.parts, "is_whole": self.is_whole, "within": within})


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children so far."""
    # The system counts in hundredths; a short part of this process would often be told as nothing.
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
