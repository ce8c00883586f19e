"""The rows whose codes differ least from a query's, compiled."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.sweep.exact import compiled
from georet.types import Bools, Ints

Codes = NDArray[np.uint64]
Counts = NDArray[np.uint16]

TILE: Final = 64
BLOCK: Final = 512
WORDS: Final = 4
"""Words of a code taken at once: their number must be a multiple."""
GROUP: Final = 8
"""Queries that share a block of codes while it is in the cache."""
NEVER: Final = 0xFFFF


@compiled
def _num_ones(word: np.uint64) -> np.uint64:
    # The compiler knows this as the processor's instruction (Warren, Hacker's Delight, 5-1).
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _measure(codes: Codes, query: Codes, num: Codes, out: Counts, start: int) -> None:
    """Write in how many bits the rows from ``start`` on, of uint64[W, R], differ from uint64[W].

    ``out`` uint16[n] says how many rows; ``num`` uint64[n] is scratch.
    """
    num[:] = 0
    for word in range(0, len(codes), WORDS):
        # Slices of rows are known to be contiguous, so that the loop uses whole registers.
        a = codes[word][start : start + len(out)]
        b = codes[word + 1][start : start + len(out)]
        c = codes[word + 2][start : start + len(out)]
        d = codes[word + 3][start : start + len(out)]
        p, q, r, s = query[word], query[word + 1], query[word + 2], query[word + 3]
        for row in range(len(num)):
            num[row] += _num_ones(a[row] ^ p) + _num_ones(b[row] ^ q)
            num[row] += _num_ones(c[row] ^ r) + _num_ones(d[row] ^ s)
    for row in range(len(num)):
        out[row] = num[row]


@compiled
def _enough(distance: Counts, num: int, highest: int) -> int:
    """Return the least bound that ``num`` of the distances keep, or ``highest``."""
    count = np.zeros(highest + 1, np.int64)
    for value in distance:
        if value <= highest:
            count[value] += 1
    total = 0
    for bound in range(highest + 1):
        total += count[bound]
        if total >= num:
            return bound
    return highest


@compiled
def _pick(distance: Counts, num: int, highest: int, out: Ints) -> None:
    """Write the ``num`` rows of least distance, of equals the lower ones, in no order."""
    num_tiles = (len(distance) + TILE - 1) // TILE
    least = np.empty(num_tiles, np.uint16)
    for tile in range(num_tiles):
        part = distance[tile * TILE : tile * TILE + TILE]
        lowest = part[0]
        for i in range(len(part)):
            if part[i] < lowest:
                lowest = part[i]
        least[tile] = lowest
    # As many tiles keep this bound as rows are wanted, so at least as many rows do.
    bound = _enough(least, num, highest)
    near, near_row = np.empty(len(distance), np.uint16), np.empty(len(distance), np.int32)
    num_near = 0
    for tile in range(num_tiles):
        if least[tile] <= bound:
            for row in range(tile * TILE, min(tile * TILE + TILE, len(distance))):
                if distance[row] <= bound:
                    near[num_near], near_row[num_near] = distance[row], row
                    num_near += 1
    bound = _enough(near[:num_near], num, highest)
    num_ties = num
    for i in range(num_near):
        num_ties -= near[i] < bound
    num_out = 0
    for i in range(num_near):
        if near[i] < bound or (near[i] == bound and num_ties > 0):
            num_ties -= near[i] == bound
            out[num_out] = near_row[i]
            num_out += 1


@compiled
def nearest(codes: Codes, queries: Codes, allowed: Bools, out: Ints, first: int, end: int) -> None:
    """Write for some of the queries uint64[Q, W] the nearest of rows uint64[W, R] to int64[Q, C].

    ``allowed`` bool[R] leaves rows out, bool[0] none. Where fewer than C are allowed, the rest of
    ``out`` stays as it is.
    """
    num_rows, highest = codes.shape[1], 64 * codes.shape[0]
    distance, num = np.empty((GROUP, num_rows), np.uint16), np.empty(BLOCK, np.uint64)
    for group in range(first, end, GROUP):
        group_end = min(group + GROUP, end)
        for start in range(0, num_rows, BLOCK):
            stop = min(start + BLOCK, num_rows)
            for query in range(group, group_end):
                part = distance[query - group][start:stop]
                _measure(codes, queries[query], num[: stop - start], part, start)
        for query in range(group, group_end):
            own = distance[query - group]
            for row in range(len(allowed)):
                if not allowed[row]:
                    own[row] = NEVER
            _pick(own, out.shape[1], highest, out[query])


def packed(is_one: NDArray[Any]) -> Codes:
    """Return bool[M, 64 W] as words uint64[M, W]."""
    words: Codes = np.packbits(is_one, axis=1, bitorder="little").view("<u8")
    return words
