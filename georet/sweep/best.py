"""The k best references of each query, kept as integers that sort by score and row, compiled."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from georet.sweep.exact import Integer, Sides, compiled, cosine
from georet.types import Floats, Ints

SPARE: Final = 32
"""Room for references that tie with the k-th best."""
LAST_ROW: Final = 0xFFFFFFFF
LOWEST: Final = np.float32(-2)
"""Below every cosine, above the -inf of ignored references."""


class Best(NamedTuple):
    """The best references found so far, unordered, as keys (``key_of``) of score and row."""

    key: Ints
    """int64[Q, k + SPARE]: all that may still be among the k best, as far as it has room."""
    num: Ints
    """int64[Q]: keys in use."""
    kth: Floats
    """float32[Q]: the k-th greatest score, LOWEST while there are fewer."""
    k: int


@compiled
def key_of(score: np.float32, reference: Integer) -> Integer:
    """Return an int64 that sorts by score, of equal scores the lower row above."""
    # The bits of floats sort as integers do, those of negative ones the wrong way round: flipping
    # all but the sign turns them. Rows are counted from above, so that the lower one sorts higher.
    bits = np.int64(np.float32(score).view(np.int32))
    if bits < 0:
        bits ^= 0x7FFFFFFF
    return (bits << 32) | (LAST_ROW - reference)


@compiled
def score_of(key: Integer) -> np.float32:
    """Return the score float32 in a key."""
    bits = np.int64(key) >> 32
    if bits < 0:
        bits ^= 0x7FFFFFFF
    return np.int32(bits).view(np.float32)


@compiled
def row_of(key: Integer) -> Integer:
    """Return the row of the reference in a key."""
    return LAST_ROW - (key & LAST_ROW)


@compiled
def select(keys: Ints, place: int) -> Integer:
    """Return the key that sorting would put at a place; reorders the keys (Hoare's FIND, 1961)."""
    left, right = 0, len(keys) - 1
    while left < right:
        # The middle one: keys that are sorted already would make an end split off one at a time.
        pivot, i, j = keys[(left + right) // 2], left, right
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i, j = i + 1, j - 1
        if j < place < i:
            break  # what lies between equals the pivot
        if place <= j:
            right = j
        else:
            left = i
    return keys[place]  # type: ignore[no-any-return]


@compiled
def keep(keys: Ints, sides: Sides, best: Best, query: int, margin: np.float32) -> None:
    """Keep of a query's old and new keys those that may be among its k best; overwrites them."""
    # The k-th score and any other may err by the margin in opposite directions.
    num, slack = len(keys), margin + margin
    if num >= best.k:
        kth = score_of(select(keys, num - best.k))
        # With the last row this is the lowest key of its score, so every row of that score stays.
        least, num = key_of(kth - slack, LAST_ROW), 0
        for i in range(len(keys)):
            if keys[i] >= least:
                keys[num] = keys[i]
                num += 1
        if num > best.key.shape[1]:
            # More near ties than there is room for: fp64 decides now. What is further above is
            # among the k best for certain and needs no exact score yet.
            for i in range(num):
                if score_of(keys[i]) <= kth + slack:
                    keys[i] = key_of(cosine(sides, query, row_of(keys[i])), row_of(keys[i]))
            keys[:num].sort()
            keys[: best.k] = keys[num - best.k : num]
            kth, num = score_of(keys[0]), best.k
        best.kth[query] = kth
    best.key[query, :num] = keys[:num]
    best.num[query] = num


@compiled
def order(sides: Sides, best: Best, margin: np.float32, top: Ints, first: int, end: int) -> None:
    """Write some queries' best references, best first, into int64[Q, k]."""
    for query in range(first, end):
        keys = best.key[query, : best.num[query]]
        keys.sort()
        if _settle(keys, sides, query, margin + margin):
            keys.sort()
        for i in range(min(best.k, len(keys))):
            top[query, i] = row_of(keys[len(keys) - 1 - i])


@compiled
def _settle(keys: Ints, sides: Sides, query: int, slack: np.float32) -> bool:
    """Give ascending keys that are near a neighbour their exact scores; tell whether any was."""
    any_near, was_near = False, False
    for i in range(len(keys)):
        is_near = False
        if i + 1 < len(keys):
            is_near = bool(score_of(keys[i + 1]) - score_of(keys[i]) <= slack)
        # Keys further apart than both their errors are in order already.
        if was_near or is_near:
            keys[i] = key_of(cosine(sides, query, row_of(keys[i])), row_of(keys[i]))
            any_near = True
        was_near = is_near
    return any_near


@compiled
def keep_all(
    sides: Sides,
    best: Best,
    first_query: int,
    start: Ints,
    reference: Ints,
    score: Floats,
    margin: np.float32,
) -> None:
    """Keep candidates; query ``first_query + i`` has those from start[i] to start[i + 1]."""
    for i in range(len(start) - 1):
        query = first_query + i
        num = best.num[query]
        keys = np.empty(num + start[i + 1] - start[i], np.int64)
        keys[:num] = best.key[query, :num]
        for j in range(start[i], start[i + 1]):
            keys[num] = key_of(score[j], reference[j])
            num += 1
        keep(keys, sides, best, query, margin)
