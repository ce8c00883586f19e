"""Exact order of a few candidates a query, compiled: fp32 for all, fp64 for those that may win."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numba import njit

from georet.sweep import Vectors
from georet.sweep.best import key_of, row_of, score_of, select
from georet.sweep.exact import Sides, compiled, cosine
from georet.sweep.threads import share
from georet.types import Floats, Ints

ALONE: Final = 64
"""Queries for which starting threads would take longer than ranking."""


_F = TypeVar("_F", bound=Callable[..., Any])
_in_any_order: Callable[[_F], _F] = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})


@_in_any_order
def _product(a: Floats, b: Floats) -> np.float32:
    # The compiler may sum in any order, which lets it vectorise. ``rounding`` bounds the error of
    # every order, and what is closer than that is decided by ``cosine``, whose order is fixed.
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@compiled
def _order(
    sides: Sides, candidates: Ints, slack: np.float32, top: Ints, first: int, end: int
) -> None:
    """Write the best of each query's candidates int64[Q, C] into int64[Q, k], best first."""
    k = top.shape[1]
    keys = np.empty(candidates.shape[1], np.int64)
    for query in range(first, end):
        num = 0
        for candidate in candidates[query]:
            if candidate >= 0:
                length = sides.query_length[query] * sides.reference_length[candidate]
                product = _product(sides.query[query], sides.reference[candidate])
                keys[num] = key_of(np.float32(product / length), candidate)
                num += 1
        # -9 is below every cosine: with no more than k candidates all of them are in.
        least = score_of(select(keys[:num], num - k)) - slack if num > k else np.float32(-9)
        num_exact = 0
        # Written over the front of the same array, which has been read by then.
        for i in range(num):
            if score_of(keys[i]) >= least:
                row = row_of(keys[i])
                keys[num_exact] = key_of(cosine(sides, query, row), row)
                num_exact += 1
        keys[:num_exact].sort()
        for i in range(min(k, num_exact)):
            top[query, i] = row_of(keys[num_exact - 1 - i])


def order_candidates(queries: Vectors, references: Vectors, candidates: Ints, k: int) -> Ints:
    """Return the k best int64[Q, k] of candidate rows int64[Q, C], best first, ties by row.

    -1 among the candidates is passed over and pads the result. The order is that of the exact
    cosines: whatever may be among the k best within the rounding of fp32 is decided in fp64.
    """
    top = np.full((len(queries), k), -1, np.int64)
    slack = 2 * rounding(queries.rows.shape[1])  # two scores may err in opposite directions

    def order_some(first: int, end: int) -> None:
        _order(Sides.of(queries, references), candidates, slack, top, first, end)

    share(len(queries), order_some, alone=ALONE)
    return top


def rounding(embed_dim: int) -> np.float32:
    """Return by how much a cosine from an fp32 product of D terms, summed in any order, may err.

    At most D 2^-24 for unit length (Higham, Accuracy and Stability of Numerical Algorithms,
    section 3.1), and as much as a few more terms for scaling and rounding the result.
    """
    return np.float32((embed_dim + 8) * 2.0**-24)
