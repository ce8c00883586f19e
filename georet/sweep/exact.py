"""Cosines whose bits depend on the two rows alone, compiled.

A product of matrices gives cosines with a rounding error that depends on shapes, chunks and device.
The sweep lets it decide only where two scores lie further apart than the margin of that error; what
lies nearer is decided by ``cosine``. That makes counts and order independent of how the work was
cut up, and duplicates tie.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numba import njit

from georet.sweep.vectors import Vectors
from georet.types import Doubles, Floats, Ints

Integer = int | np.signedinteger[Any]
_F = TypeVar("_F", bound=Callable[..., Any])
compiled: Callable[[_F], _F] = njit(cache=True, nogil=True)

LANES: Final = 64


class Sides(NamedTuple):
    """Queries float32[Q, D] and references float32[R, D] of any length, their lengths, scratch."""

    query: Floats
    query_length: Doubles
    reference: Floats
    reference_length: Doubles
    lanes: Doubles
    """float64[LANES], one thread's own."""

    @classmethod
    def of(cls, query: Vectors, reference: Vectors) -> Sides:
        """Return both sides, for one thread."""
        return cls(query.rows, query.length, reference.rows, reference.length, np.empty(LANES))


@compiled
def _dot(a: Floats, b: Floats, lanes: Doubles) -> float:
    # Sums by lanes vectorise in a fixed order, so the compiler can't give two callers other bits.
    lanes[:] = 0.0
    num_whole = len(a) // LANES * LANES
    for first in range(0, num_whole, LANES):
        left, right = a[first : first + LANES], b[first : first + LANES]
        for lane in range(LANES):
            lanes[lane] += np.float64(left[lane]) * np.float64(right[lane])
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for i in range(num_whole, len(a)):
        total += np.float64(a[i]) * np.float64(b[i])
    return total


@compiled
def lengths(rows: Floats, out: Doubles, first: int, end: int) -> None:
    """Write the Euclidean lengths float64[N] of some of the rows float32[N, D]."""
    lanes = np.empty(LANES)
    for i in range(first, end):
        out[i] = np.sqrt(_dot(rows[i], rows[i], lanes))


@compiled
def cosine(sides: Sides, query: Integer, reference: Integer) -> np.float32:
    """Return the cosine of two rows, computed in fp64 and rounded once to fp32."""
    product = _dot(sides.query[query], sides.reference[reference], sides.lanes)
    length = sides.query_length[query] * sides.reference_length[reference]
    return np.float32(product / length) + np.float32(0)  # no -0: keys sort by bits


@compiled
def cosines(sides: Sides, query: Ints, reference: Ints, out: Floats, first: int, end: int) -> None:
    """Write the cosines float32[M] of some of M pairs of rows."""
    for i in range(first, end):
        out[i] = cosine(sides, query[i], reference[i])
