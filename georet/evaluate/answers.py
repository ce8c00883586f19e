"""Which references answer which query: positives, semi-positives and junk, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from georet.errors import DataError
from georet.geodesy import chord, unit_vectors
from georet.types import Doubles, Ints, Positives


@dataclass(frozen=True)
class Answers:
    """Rows int64[M] of references; those of query q lie between ``start[q]`` and ``start[q + 1]``.

    ``semi_positives`` int64[Q, S] are neither right nor wrong; -1 pads.
    """

    positives: Ints
    start: Ints
    semi_positives: Ints

    @property
    def query(self) -> Ints:
        """int64[M]: the query of each positive."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def answers(positives: Positives, num_queries: int, num_references: int) -> Answers:
    """Return checked answers from int64[Q, P] (positive first) or a list of rows for each query.

    A first column of -1 and an empty list are queries without a match. DataError for a wrong
    number of queries and for rows that are not in the gallery.
    """
    if len(positives) != num_queries:
        raise DataError(
            f"positives are for {len(positives)} queries, there are {num_queries} embeddings",
            where="positives",
            hint="One row of positives a query, in the order of the query embeddings.",
        )
    is_list = isinstance(positives, Sequence)
    found = _from_lists(positives) if is_list else _from_array(np.asarray(positives))
    lowest = 0 if is_list else -1
    for rows in (found.positives, found.semi_positives.ravel()):
        if len(rows) and not lowest <= rows.min() <= rows.max() < num_references:
            bad = rows[(rows < lowest) | (rows >= num_references)]
            raise DataError(
                f"positive {int(bad[0])} is no row of the {num_references} references",
                where="positives",
                hint="Positives are rows of the reference embeddings, counted from 0.",
            )
    return found


def within(radius_m: float, query_latlon: Doubles, reference_latlon: Doubles) -> Answers:
    """Return as positives of each query all references within a radius in metres, rim included."""
    from scipy.spatial import cKDTree

    tree = cKDTree(unit_vectors(reference_latlon))
    near = tree.query_ball_point(unit_vectors(query_latlon), chord(radius_m), return_sorted=True)
    return _from_lists(near)


def junk_rows(junk: ArrayLike | None, found: Answers, num_references: int) -> Ints:
    """Return the rows int64[J] to leave out, from rows or bool[R]; a positive is a DataError."""
    rows = np.asarray([] if junk is None else junk)
    if rows.dtype == np.bool_ and rows.shape == (num_references,):
        rows = np.flatnonzero(rows)
    rows = np.unique(rows).astype(np.int64)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < num_references:
        raise DataError(
            f"junk holds row {rows[0] if rows[0] < 0 else rows[-1]}, there are {num_references}"
            " references",
            where="junk",
        )
    both = np.isin(found.positives, rows)
    if both.any():
        raise DataError(
            f"reference {found.positives[both][0]} is both junk and the positive of query "
            f"{found.query[both][0]}",
            where="junk",
        )
    if len(rows) == num_references:
        raise DataError("all references are junk", where="junk")
    return rows


def _from_lists(positives: Iterable[Any]) -> Answers:
    rows = [np.unique(np.asarray(p, dtype=np.int64)) for p in positives]
    start = np.concatenate([[0], np.cumsum([len(p) for p in rows], dtype=np.int64)])
    flat = np.concatenate([np.zeros(0, np.int64), *rows])
    return Answers(flat, start, np.full((len(rows), 0), -1))


def _from_array(positives: Ints) -> Answers:
    table = positives.reshape(len(positives), -1) if positives.ndim < 2 else positives
    if table.ndim != 2 or not table.shape[1] or not np.issubdtype(table.dtype, np.integer):
        raise DataError(
            f"positives are {table.dtype}{list(table.shape)}, wanted int64[Q, P]",
            where="positives",
            hint="First column the positive, then semi-positives, -1 where there is none.",
        )
    table = table.astype(np.int64)
    has_match = table[:, 0] != -1
    start = np.concatenate([[0], np.cumsum(has_match, dtype=np.int64)])
    # Semi-positives, all but one of the equal ones in a row replaced by -1.
    ordered = np.sort(table[:, 1:], axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
    return Answers(table[has_match, 0], start, ordered)
