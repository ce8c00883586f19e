"""Angles and hemispheres as cameras and programs write them: rationals, numbers, text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_UNITS: Final = ("degrees", "minutes", "seconds")
_NUMBER: Final = re.compile(
    r"(?:(?<![\d.])[-+])?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+|/\d+)?", re.IGNORECASE
)
_LETTERS: Final = re.compile(r"^[A-Za-z]+|(?<=[^A-Za-z])[A-Za-z]+$")
"""What stands before or behind all numbers."""
_HALF_TURN: Final = 180.0
HEMISPHERES: Final = {"latitude": "NS", "longitude": "EW"}
"""The letters with which a hemisphere's name begins, the positive one first."""


class PositionError(ValueError):
    """A value tells no position, and why; ``is_void``: whoever wrote it says so himself."""

    def __init__(self, why: str, *, is_void: bool = False) -> None:
        super().__init__(why)
        self.is_void = is_void


@dataclass(frozen=True)
class Angle:
    """An angle's size in degrees, whether a minus sign was written, and the hemisphere beside it.

    ``ref`` is N, S, E, W or None; ``name`` is latitude or longitude.
    """

    name: str
    degrees: float
    is_negative: bool
    ref: str | None = None


def parse_angle(value: Any, name: str) -> Angle:
    """Return the angle of one to three numbers (degrees, minutes, seconds) or of text.

    Text is ``52.5``, ``52,30.1N`` or ``52,30,6N`` as in XMP, with any signs between the numbers.
    Seconds that are 0/0 count as none; so do minutes where the degrees have decimals. Raises
    PositionError for all else.
    """
    if value is None:
        raise PositionError(f"there is no {name}")
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    ref = None
    if isinstance(value, str):
        text = value.strip("\0 ")
        letters = _LETTERS.search(text)
        if letters:
            ref = parse_ref(letters[0], HEMISPHERES[name], name)
        numbers = [_of_text(number) for number in _NUMBER.findall(text)]
        if not numbers or len(numbers) > len(_UNITS):
            raise PositionError(f"the {name} is {text!r}")
    elif isinstance(value, Sequence):
        numbers = [_float(part) for part in value]
    else:
        numbers = [_float(value)]
    if not 1 <= len(numbers) <= len(_UNITS):
        raise PositionError(f"the {name} has {len(numbers)} numbers")
    is_negative = any(math.copysign(1, number) < 0 for number in numbers)
    return Angle(name, _total([abs(number) for number in numbers], name), is_negative, ref)


def parse_ref(value: Any, letters: str, name: str) -> str | None:
    """Return the one of two ``letters`` that a hemisphere's text begins with, None for no text.

    PositionError for any other text.
    """
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    text = str(value or "").strip("\0 \t\r\n").upper()
    if not text:
        return None
    # Nord, Sur or Est are as certain as North; O is west in some languages and east in others.
    if text[0] in letters:
        return text[0]
    raise PositionError(f"the {name}'s hemisphere is {text[:20]!r}")


def signed(angle: Angle, ref: str | None) -> float:
    """Return degrees, negative in the south and west; a minus sign is never written by accident."""
    is_negative = angle.is_negative or ref in ("S", "W")
    return -angle.degrees if is_negative else angle.degrees


def _total(numbers: list[float], name: str) -> float:
    degrees, *rest = numbers
    if not math.isfinite(degrees):
        raise PositionError(f"the {name}'s degrees are no number (0/0?)")
    if degrees > _HALF_TURN:
        raise PositionError(f"the {name} is {degrees:g} degrees")
    total, before = degrees, degrees
    for unit, number, share in zip(_UNITS[1:], rest, (60, 3600), strict=False):
        if not math.isfinite(number):
            if degrees.is_integer() and unit == "minutes":
                raise PositionError(f"the {name}'s minutes are no number (0/0?)")
            continue
        if number > 60:
            raise PositionError(f"the {name} has {number:g} {unit}")
        if number and not before.is_integer():
            # Whoever writes 10.5 degrees 30 minutes may mean 10.5 or 11.
            raise PositionError(f"the {name} has decimals before its {unit}")
        total, before = total + number / share, max(before % 1, number)
    return total


def _of_text(text: str) -> float:
    number, _, divisor = text.partition("/")
    return _divided(float(number), float(divisor or 1))


def _float(part: Any) -> float:
    try:
        if isinstance(part, tuple | list) and len(part) == 2:
            return _divided(float(part[0]), float(part[1]))
        return float(part)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan


def _divided(number: float, divisor: float) -> float:
    return number / divisor if divisor else math.nan
