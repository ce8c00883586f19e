"""Lengths as people type them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from georet.errors import UsageError

_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*(m|km)?\s*", re.IGNORECASE)


def length_m(text: str, *, where: str) -> float:
    """Return the metres of ``400m``, ``1.5km`` or ``400``; UsageError for anything else."""
    found = _LENGTH.fullmatch(text)
    value = float(found[1]) if found else 0.0
    if not found or value <= 0 or not math.isfinite(value):
        raise UsageError(
            f"{text!r} is no length", where=where, hint="Give metres or kilometres: 400m, 1.5km."
        )
    return value * (1000.0 if (found[2] or "m").lower() == "km" else 1.0)


def lengths_m(texts: Iterable[str], *, where: str) -> tuple[float, ...]:
    """Return the metres of several lengths, each text one or more with commas between."""
    return tuple(length_m(part, where=where) for text in texts for part in text.split(","))
