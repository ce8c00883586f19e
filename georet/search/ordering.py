"""The exact best rows of what may be in memory or on disk: of all, of some, of candidates."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.search.rows import Rows
from georet.sweep import Vectors, score_pairs, sweep
from georet.sweep.work import is_unit_length
from georet.types import Bools, Floats, Ints

COPIED: Final = 0.5
"""Up to this share of allowed rows it is faster to copy them out than to score the rest too."""
AT_ONCE: Final = 32_768
"""Rows of a stored set that are held in memory together."""

_NONE: Final = np.empty(0, np.int64)


def best_rows(queries: Vectors, rows: Rows, k: int, allowed: Bools | None) -> Ints:
    """Return the k best rows int64[Q, k] among the allowed bool[R], best first; -1 pads."""
    if rows.is_stored:
        return _by_blocks(queries, rows, k, allowed)
    if allowed is None:
        return _swept(queries, rows.vectors, k, _NONE, is_unit=rows.is_unit)
    kept = np.flatnonzero(allowed)
    if len(kept) > COPIED * len(rows):
        return _swept(queries, rows.vectors, k, np.flatnonzero(~allowed), is_unit=rows.is_unit)
    if not len(kept):
        return np.full((len(queries), k), -1, np.int64)
    return _named(_swept(queries, rows.take(kept), k, _NONE, is_unit=rows.is_unit), kept)


def ordered(queries: Vectors, rows: Rows, candidates: Ints, k: int) -> Ints:
    """Return the k best int64[Q, k] of candidate rows int64[Q, C], best first, ties by row.

    -1 among the candidates is passed over and pads the result.
    """
    from georet.sweep.candidates import order_candidates

    if not rows.is_stored:
        return order_candidates(queries, rows.vectors, candidates, k)
    top = np.full((len(queries), k), -1, np.int64)
    step = max(1, AT_ONCE // max(1, candidates.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        some = candidates[part]
        few = np.unique(some[some >= 0])
        if len(few):
            # Places ascend as rows do, so that ties stay in their order.
            places = np.where(some < 0, -1, np.searchsorted(few, some))
            top[part] = _named(
                order_candidates(_some(queries, part), rows.take(few), places, k), few
            )
    return top


def _by_blocks(queries: Vectors, rows: Rows, k: int, allowed: Bools | None) -> Ints:
    """Return the same as the sweep over all, reading each block once."""
    top, scores = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf)
    kept = None if allowed is None else np.flatnonzero(allowed)
    if kept is not None and len(kept) <= AT_ONCE:
        parts = [(kept, rows.take(kept))] if len(kept) else []
        for few, references in parts:
            _merge(queries, references, few, top, scores)
        return top
    for start, references in rows.blocks(allowed):
        few = np.arange(start, start + len(references))
        if allowed is not None:
            inside = np.flatnonzero(allowed[few])
            if not len(inside):
                continue
            references = Vectors(
                references.rows[inside],
                references.length[inside],
                references.has_direction[inside],
            )
            few = few[inside]
        _merge(queries, references, few, top, scores)
    return top


def _merge(queries: Vectors, references: Vectors, rows: Ints, top: Ints, scores: Floats) -> None:
    """Put the best of some references, which are ``rows`` int64[m], among the best so far."""
    k = top.shape[1]
    is_unit = is_unit_length(references.length)
    found = _swept(queries, references, min(k, len(references)), _NONE, is_unit=is_unit)
    query, place = np.nonzero(found >= 0)
    cosines = np.full(found.shape, -np.inf)
    cosines[query, place] = score_pairs(queries, references, query, found[query, place])
    both = np.concatenate([scores, cosines], axis=1)
    named = np.concatenate([top, _named(found, rows)], axis=1)
    # Blocks come in the order of their rows and each is ordered by row where cosines tie: what was
    # found before is of a lower row, which a stable sort keeps in front.
    order = np.argsort(-both, axis=1, kind="stable")[:, :k]
    top[:] = np.take_along_axis(named, order, axis=1)
    scores[:] = np.take_along_axis(both, order, axis=1)


def _swept(queries: Vectors, references: Vectors, k: int, ignored: Ints, *, is_unit: bool) -> Ints:
    from georet.sweep.few import FEW, best_for_few

    if len(queries) <= FEW:
        return best_for_few(queries, references, k, ignored, is_unit=is_unit)
    return sweep(queries, references, k=k, ignored=ignored).top


def _named(places: Ints, rows: Ints) -> Ints:
    # rows[-1] stands in for the pads, which stay what they are.
    return np.where(places < 0, -1, rows[places])


def _some(queries: Vectors, part: slice) -> Vectors:
    return Vectors(queries.rows[part], queries.length[part], queries.has_direction[part])
