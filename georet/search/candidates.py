"""What approximate indexes share: candidates are proposed, then put in their exact order."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from georet.errors import ConfigError
from georet.search.ordering import best_rows, ordered
from georet.search.stored import StoredIndex
from georet.sweep import Vectors
from georet.types import Bools, Floats, Ints

FEWEST: Final = 10
"""Candidates are counted for at least so many results, as the best one alone is hard to hit."""
STORED: Final = 4096
"""Candidates where rows are on disk, codes are short, and thousands of results were asked for."""
WIDENING: Final = 3
"""In a region, so many times the candidates: rows of one place may be too alike to tell apart."""
EXACT_BELOW: Final = 20_000
"""Allowed rows that are scored one and all in a few milliseconds."""


class CandidateIndex(StoredIndex):
    """Proposes ``oversampling`` candidates a result and ranks them by their exact cosines.

    A region decides the plan. Of up to ``exact_below`` allowed rows each is scored, which is then
    fast and misses nothing; of more, candidates are proposed from the allowed rows alone, and
    more of them. A query for which too few are proposed is answered by scoring all allowed rows.
    """

    def __init__(self, *, oversampling: int, exact_below: int) -> None:
        super().__init__()
        _check_positive(self.kind, oversampling=oversampling)
        self.oversampling, self.exact_below = oversampling, exact_below

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {"oversampling": self.oversampling, "exact_below": self.exact_below}

    def find(self, queries: Vectors, k: int, allowed: Bools | None) -> Ints:
        """Return the best rows int64[Q, k] among the allowed bool[R], best first; -1 pads."""
        num_allowed = len(self.rows) if allowed is None else int(allowed.sum())
        widening = 1 if allowed is None else WIDENING
        num = min(widening * self._num_candidates(k), num_allowed)
        if not self.is_ready or (allowed is not None and num_allowed <= self.exact_below):
            return best_rows(queries, self.rows, k, allowed)
        candidates = self.propose(queries.rows, num, allowed)
        top = ordered(queries, self.rows, candidates, k)
        short = np.flatnonzero((top >= 0).sum(axis=1) < min(k, num_allowed))
        if len(short):
            top[short] = best_rows(_some(queries, short), self.rows, k, allowed)
        return top

    def _num_candidates(self, k: int) -> int:
        """Return how many candidates are ranked for the k best.

        Of rows on disk each costs a read, and of thousands of results the last ones hardly matter.
        """
        if self.rows.is_stored:
            return max(STORED, 2 * k)
        return self.oversampling * max(k, FEWEST)

    @property
    def is_ready(self) -> bool:
        """Whether there is something that proposes; if not, the search is exact."""
        raise NotImplementedError

    def propose(self, queries: Floats, num: int, allowed: Bools | None) -> Ints:
        """Return rows int64[Q, num] likely to be the best, in any order, -1 pads."""
        raise NotImplementedError


def _some(queries: Vectors, rows: Ints) -> Vectors:
    return Vectors(queries.rows[rows], queries.length[rows], queries.has_direction[rows])


def _check_positive(where: str, **options: int) -> None:
    for name, value in options.items():
        if value < 1:
            raise ConfigError(f"{name} is {value}", where=where, hint="Give at least 1.")
