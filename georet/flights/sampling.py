"""Which frames of a flight are looked at: every so many seconds, metres or photos."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from georet.errors import DataError, UsageError
from georet.types import Doubles

_FORM: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|km)?\s*", re.ASCII)


@dataclass(frozen=True)
class Every:
    """One frame each ``amount`` seconds, metres, or frames."""

    amount: float
    unit: Literal["s", "m", "frames"]

    @classmethod
    def parse(cls, text: str, *, where: str = "--every") -> Every:
        """Return what ``2s``, ``10m`` or ``5`` says; UsageError for anything else."""
        match = _FORM.fullmatch(text)
        if match is None or not float(match[1]) > 0:
            raise UsageError(
                f"{text!r} is no step", where=where, hint="Give seconds, metres or frames: 1s 10m 5"
            )
        amount, unit = float(match[1]), match[2]
        if unit is None:
            if amount != int(amount):
                raise UsageError(f"{text!r} is no number of frames", where=where, hint="1s, or 5")
            return cls(amount, "frames")
        return cls(1000 * amount, "m") if unit == "km" else cls(amount, unit)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.amount:g}" + ("" if self.unit == "frames" else self.unit)


ALL: Final = Every(1, "frames")


def chosen(
    every: Every, seconds: Sequence[float | None], places_m: Sequence[Doubles | None]
) -> list[int]:
    """Return which frames are looked at, the first one always.

    ``seconds`` are their times, ``places_m`` [2] where odometry says they are, metres east and
    north. DataError where what is asked for isn't known of a frame.
    """
    if every.unit == "frames":
        return list(range(0, len(seconds), int(every.amount)))
    if every.unit == "s":
        if any(second is None for second in seconds):
            raise DataError(
                "not all photos tell when they were taken",
                where="--every",
                hint="Give a number of photos, --every 5, or times by --telemetry.",
            )
        return _spaced([float(second or 0.0) for second in seconds], every.amount)
    if any(place is None for place in places_m):
        raise DataError(
            "metres between frames aren't known",
            where="--every",
            hint="They come from columns east_m and north_m of --telemetry; or give --every 2s.",
        )
    way, total = [0.0], 0.0
    for before, after in pairwise(places_m):
        assert before is not None
        assert after is not None
        total += math.dist(before, after)
        way.append(total)
    return _spaced(way, every.amount)


def _spaced(values: Sequence[float], amount: float) -> list[int]:
    """Return the first value and each that lies ``amount`` or more beyond the last one kept."""
    kept, last = [], -math.inf
    for at, value in enumerate(values):
        # A hair less, so that sums of tenths don't skip every other frame.
        if value - last >= amount * (1 - 1e-6):
            kept.append(at)
            last = value
    return kept
