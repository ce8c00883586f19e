"""Recall@1 before and after an export, on the same queries, with confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from georet.types import Bools

Z: Final = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""
METHOD: Final = (
    "95 %; shares: Wilson; change: Agresti and Min 2005 for paired shares, half a query added to "
    "each of the four cells"
)


@dataclass(frozen=True)
class RecallChange:
    """How many of ``num`` queries were found at first place before and after.

    ``lost`` were found before and not after, ``gained`` the other way round.
    """

    num: int
    before: int
    lost: int
    gained: int

    @property
    def after(self) -> int:
        """Queries found after."""
        return self.before - self.lost + self.gained

    @property
    def points(self) -> float:
        """Recall@1 after less before, in percent of the queries."""
        return 100 * (self.gained - self.lost) / self.num

    @property
    def interval(self) -> tuple[float, float]:
        """The change's interval of 95 % in points, which holds what the pairing is worth.

        Source: Agresti and Min, Simple improved confidence intervals for comparing matched
        proportions, Statistics in Medicine 24, 2005, section 3.
        """
        num, lost, gained = self.num + 2, self.lost + 0.5, self.gained + 0.5
        middle = (gained - lost) / num
        spread = Z * math.sqrt(lost + gained - (gained - lost) ** 2 / num) / num
        return 100 * (middle - spread), 100 * (middle + spread)

    def as_json(self) -> dict[str, Any]:
        """Return shares in percent and their intervals as JSON values."""
        low, high = self.interval
        return {
            "before": 100 * self.before / self.num,
            "before_interval": list(wilson(self.before, self.num)),
            "after": 100 * self.after / self.num,
            "after_interval": list(wilson(self.after, self.num)),
            "change": self.points,
            "change_interval": [low, high],
            "lost": self.lost,
            "gained": self.gained,
            "method": METHOD,
        }


def compare_hits(before: Bools, after: Bools) -> RecallChange:
    """Return the change between hits bool[Q] of the same queries."""
    return RecallChange(
        num=len(before),
        before=int(before.sum()),
        lost=int((before & ~after).sum()),
        gained=int((after & ~before).sum()),
    )


def wilson(num_hits: int, num: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share, in percent.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22,
    1927.
    """
    share, weight = num_hits / num, Z**2 / num
    middle = (share + weight / 2) / (1 + weight)
    spread = Z * math.sqrt(share * (1 - share) / num + weight / (4 * num)) / (1 + weight)
    low, high = max(0.0, middle - spread), min(1.0, middle + spread)
    return 100 * low, 100 * high
