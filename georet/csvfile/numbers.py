"""Numbers as people write them: with a point or a comma, the same throughout a table."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final

from georet.errors import DataError

_POINT: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
_ANGLE: Final = re.compile(r"[°º'\u2032\"\u2033]|[NSEWOnsewo]$|^[NSEWOnsewo]")
_MINUS: Final = str.maketrans({"\u2212": "-"})


@dataclass
class Numbers:
    """Reads the numbers of one table whose cells are parted by ``separator``.

    A decimal comma is understood unless commas part the cells or another number of the table has
    a decimal point: then nobody can know what it means.
    """

    separator: str = ","
    _seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    def read(self, text: str, where: str, *, name: str = "") -> float:
        """Return a finite number; DataError with ``where``, and what to write instead."""
        value, sign = self.parse(text)
        said = f"{name} is {text!r}, not a number" if name else f"{text!r} is no number"
        if value is None:
            raise DataError(said, where=where, hint=self._advice(text))
        if sign:
            other, (first, place) = next(iter(self._seen.items()), (sign, (text, where)))
            if other != sign:
                raise DataError(
                    f"{text!r} has a decimal {sign}, {first!r} has a {other}",
                    where=where,
                    hint=f"The other stands at {place}. Write all numbers with a point: 46.95",
                )
            self._seen.setdefault(sign, (text, where))
        if not math.isfinite(value):
            raise DataError(said, where=where)
        return value

    def parse(self, text: str) -> tuple[float | None, str]:
        """Return the number and its decimal sign: ``point``, ``comma`` or empty; None if none."""
        text = text.strip().translate(_MINUS)
        if _POINT.fullmatch(text):
            return float(text), "point" if "." in text else ""
        if self.separator != "," and _COMMA.fullmatch(text):
            return float(text.replace(",", ".")), "comma"
        return None, ""

    def is_ambiguous(self, text: str) -> bool:
        """Say whether a cell could be a number with a decimal comma, where commas part cells."""
        return self.separator == "," and bool(_COMMA.fullmatch(text.strip()))

    def _advice(self, text: str) -> str | None:
        if self.is_ambiguous(text):
            number = text.replace(",", ".")
            return f"A decimal comma? Write {number}; or part the cells by `;` in place of commas."
        if "," in text and any(letter.isdigit() for letter in text):
            return "Write it without thousands' signs, with a decimal point: 1234.5"
        if _ANGLE.search(text) and any(letter.isdigit() for letter in text):
            return "Write decimal degrees, south and west negative: -46.95 for 46°57' S"
        return None
