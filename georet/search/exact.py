"""The index ``exact``: one sweep over all references, or over those of the region alone."""

from __future__ import annotations

from typing import ClassVar

from georet.search.ordering import best_rows
from georet.search.stored import StoredIndex
from georet.sweep import Vectors
from georet.types import Bools, Ints


class ExactIndex(StoredIndex):
    """Compares each query with every reference; needs no memory beyond a block of scores."""

    kind: ClassVar[str] = "exact"

    def find(self, queries: Vectors, k: int, allowed: Bools | None) -> Ints:
        """Return the best rows int64[Q, k] among the allowed bool[R], best first; -1 pads."""
        return best_rows(queries, self.rows, k, allowed)
