"""Neighbours by codes: hashing embeddings, and searching codes by how many bits differ."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.search.codes import random_planes
from georet.search.hamming import nearest, packed
from georet.sweep import vectors
from georet.sweep.candidates import order_candidates
from georet.sweep.threads import share
from georet.types import Bools, Doubles, Floats, Ints

Codes = NDArray[np.uint64]

_GROUP: Final = 256
"""Bits that the search takes at once; shorter codes are filled up with zeros."""
_AT_ONCE: Final = 256
_ROWS: Final = 65_536


def means(embeddings: NDArray[Any]) -> Doubles:
    """Return the mean float64[D] of embeddings [M, D], whose projection is the mean of the bits."""
    return np.asarray(embeddings.mean(axis=0, dtype=np.float64))


def hashed(embeddings: NDArray[Any], num_bits: int, seed: int, centre: Doubles | None) -> Codes:
    """Return codes uint64[M, W] of embeddings [M, D]: bit i says on which side of plane i they lie.

    The planes are drawn by ``seed`` and orthonormal in groups of D. Subtracting ``centre`` first is
    the same as subtracting each bit's mean, since the projections are linear.
    """
    planes = random_planes(embeddings.shape[1], num_bits, np.random.default_rng(seed))
    lacking = -num_bits % _GROUP
    parts = []
    for first in range(0, len(embeddings), _ROWS):
        some = np.asarray(embeddings[first : first + _ROWS], np.float32)
        if centre is not None:
            some = some - centre.astype(np.float32)
        parts.append(packed(np.pad(some @ planes >= 0, ((0, 0), (0, lacking)))))
    return np.concatenate(parts)


def widened(codes: NDArray[np.uint8]) -> Codes:
    """Return codes uint8[M, W / 8] as words uint64[M, W], filled up with zeros."""
    lacking = -codes.shape[1] % (_GROUP // 8)
    wide = np.ascontiguousarray(np.pad(codes, ((0, 0), (0, lacking))))
    return wide.view(np.uint64)


def nearest_codes(queries: Codes, references: Codes, k: int) -> Ints:
    """Return the rows int64[Q, k] of least Hamming distance, nearest first, ties by row, -1 pads.

    Compares codes uint64[Q, W] with uint64[R, W], all with all.
    """
    num = min(k, len(references))
    found = np.full((len(queries), num), -1, np.int64)
    columns, everything = np.ascontiguousarray(references.T), np.empty(0, np.bool_)

    def search(first: int, end: int) -> None:
        nearest(columns, queries, everything, found, first, end)

    share(len(queries), search)
    found.sort(axis=1)
    for first in range(0, len(queries), _AT_ONCE):
        rows = found[first : first + _AT_ONCE]
        different = references[rows] ^ queries[first : first + _AT_ONCE, None]
        distance = np.bitwise_count(different).sum(axis=2, dtype=np.int64)
        order = np.argsort(distance, axis=1, kind="stable")
        found[first : first + _AT_ONCE] = np.take_along_axis(rows, order, axis=1)
    return np.pad(found, ((0, 0), (0, k - num)), constant_values=-1)


def reordered(queries: Floats, references: Floats, candidates: Ints) -> Ints:
    """Return candidates int64[Q, C] in the order of their exact cosines, -1 last.

    The queries are float32[Q, D], the references float32[R, D].
    """
    sides = vectors(queries, "queries"), vectors(references, "references")
    return order_candidates(*sides, candidates, candidates.shape[1])


def without(found: Ints, is_own: Bools, k: int) -> Ints:
    """Return the first k int64[Q, k] of rows int64[Q, C] that are not a query's own; -1 pads."""
    left = np.where(is_own, -1, found)
    order = np.argsort(left < 0, axis=1, kind="stable")
    kept = np.take_along_axis(left, order, axis=1)[:, :k]
    return np.pad(kept, ((0, 0), (0, max(0, k - kept.shape[1]))), constant_values=-1)
