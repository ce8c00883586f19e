"""The index ``exact``: one sweep over all references, or over those of the region alone."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from georet.search.rows import Rows
from georet.search.stored import StoredIndex
from georet.sweep import Vectors, sweep
from georet.types import Bools, Ints

COPIED: Final = 0.5
"""Up to this share of allowed rows it is faster to copy them out than to score the rest too."""

_NONE: Final = np.empty(0, np.int64)


class ExactIndex(StoredIndex):
    """Compares each query with every reference; needs no memory beyond a block of scores."""

    kind: ClassVar[str] = "exact"

    def find(self, queries: Vectors, k: int, allowed: Bools | None) -> Ints:
        """Return the best rows int64[Q, k] among the allowed bool[R], best first; -1 pads."""
        return best_rows(queries, self.rows, k, allowed)


def best_rows(queries: Vectors, rows: Rows, k: int, allowed: Bools | None) -> Ints:
    """Return the k best rows int64[Q, k] among the allowed bool[R], best first; -1 pads."""
    if allowed is None:
        return _swept(queries, rows.vectors, k, _NONE, is_unit=rows.is_unit)
    kept = np.flatnonzero(allowed)
    if len(kept) > COPIED * len(rows):
        return _swept(queries, rows.vectors, k, np.flatnonzero(~allowed), is_unit=rows.is_unit)
    if not len(kept):
        return np.full((len(queries), k), -1, np.int64)
    top = _swept(queries, rows.take(kept), k, _NONE, is_unit=rows.is_unit)
    # kept[-1] stands in for the pads, which stay what they are.
    return np.where(top < 0, -1, kept[top])


def _swept(queries: Vectors, references: Vectors, k: int, ignored: Ints, *, is_unit: bool) -> Ints:
    from georet.sweep.few import FEW, best_for_few

    if len(queries) <= FEW:
        return best_for_few(queries, references, k, ignored, is_unit=is_unit)
    return sweep(queries, references, k=k, ignored=ignored).top
