"""What becomes of one block of fp32 products: counts above thresholds, and candidates, compiled."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from georet.sweep.best import LOWEST, Best, keep, key_of, score_of, select
from georet.sweep.exact import Sides, compiled, cosine
from georet.types import Floats, Ints

TILE: Final = 128


class Targets(NamedTuple):
    """For query q the ``threshold`` float32[M] between two of ``start`` int64[Q+1], and counts."""

    threshold: Floats
    start: Ints
    above: Ints
    """int64[M]: references found so far with a greater score."""


class Block(NamedTuple):
    """Products float32[n, c] of raw queries with raw references, and where the block lies."""

    product: Floats
    query_scale: Floats
    """float32[n]: inverse lengths of the block's queries."""
    reference_scale: Floats
    """float32[c]: inverse lengths of the block's references."""
    ignored: Ints
    """int64[]: columns of the block that don't count."""
    first_query: int
    first_reference: int
    margin: np.float32


@compiled
def scan(
    block: Block, sides: Sides, targets: Targets, best: Best, first_row: int, end_row: int
) -> None:
    """Count and collect what rows ``first_row`` to ``end_row`` of a block contain."""
    keys = np.empty(best.key.shape[1] + block.product.shape[1], np.int64)
    for i in range(first_row, end_row):
        row, query = block.product[i], block.first_query + i
        for j in range(len(row)):
            row[j] *= block.query_scale[i] * block.reference_scale[j]
        for column in block.ignored:
            row[column] = -np.inf
        for target in range(targets.start[query], targets.start[query + 1]):
            targets.above[target] += _num_above(row, targets.threshold[target], block, sides, query)
        if best.k > 0:
            _collect(row, block, sides, best, query, keys)


@compiled
def _num_at_least(values: Floats, bar: np.float32) -> int:
    num = 0
    for i in range(len(values)):
        num += int(values[i] >= bar)
    return num


@compiled
def _num_above(row: Floats, threshold: np.float32, block: Block, sides: Sides, query: int) -> int:
    low, high = threshold - block.margin, np.nextafter(threshold + block.margin, np.float32(9))
    num = 0
    for first in range(0, len(row), TILE):
        tile = row[first : first + TILE]
        num_possible = _num_at_least(tile, low)
        if num_possible == 0:
            continue
        num_sure = _num_at_least(tile, high)
        num += num_sure
        if num_sure == num_possible:
            continue
        for i in range(len(tile)):
            if low <= tile[i] < high:
                reference = block.first_reference + first + i
                num += int(cosine(sides, query, reference) > threshold)
    return num


@compiled
def _collect(row: Floats, block: Block, sides: Sides, best: Best, query: int, keys: Ints) -> None:
    bar = best.kth[query]
    if bar == LOWEST:
        bar = _kth_at_least(row, best.k, keys)
    bar -= block.margin + block.margin
    num = best.num[query]
    keys[:num] = best.key[query, :num]
    for first in range(0, len(row), TILE):
        tile = row[first : first + TILE]
        if _num_at_least(tile, bar) > 0:
            for i in range(len(tile)):
                if tile[i] >= bar:
                    keys[num] = key_of(tile[i], block.first_reference + first + i)
                    num += 1
    keep(keys[:num], sides, best, query, block.margin)


@compiled
def _kth_at_least(row: Floats, k: int, keys: Ints) -> np.float32:
    """Return a lower bound of the k-th greatest value: the k-th of the maxima of 4k groups."""
    num_groups = 4 * k
    if len(row) < 2 * num_groups:
        return LOWEST
    maxima = row[:num_groups].copy()
    for first in range(num_groups, len(row), num_groups):
        values = row[first : first + num_groups]
        for i in range(len(values)):
            maxima[i] = max(maxima[i], values[i])
    for i in range(num_groups):
        keys[i] = key_of(maxima[i], 0)
    return max(LOWEST, score_of(select(keys[:num_groups], num_groups - k)))


@compiled
def settle_above(
    sides: Sides, targets: Targets, query: Ints, reference: Ints, target: Ints
) -> None:
    """Decide near cases: does reference[i] score above threshold[target[i]] for query[i]?"""
    for i in range(len(query)):
        score = cosine(sides, query[i], reference[i])
        targets.above[target[i]] += score > targets.threshold[target[i]]
