"""What becomes of one block of fp32 products: counts above thresholds, and candidates, compiled."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from georet.sweep.best import LOWEST, Best, keep, key_of, score_of, select
from georet.sweep.exact import Sides, compiled, cosine
from georet.types import Floats, Ints

TILE: Final = 64
"""Columns that are passed over together where the greatest of them is too low."""


class Targets(NamedTuple):
    """For query q the ``threshold`` float32[M] between two of ``start`` int64[Q+1], and counts."""

    threshold: Floats
    start: Ints
    above: Ints
    """int64[M]: references found so far with a greater score."""


class Block(NamedTuple):
    """Products float32[n, c] of rows as they are, and where the block lies."""

    product: Floats
    is_scaled: bool
    """All rows are of unit length, as nearly as fp32 can say."""
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
    num_columns = block.product.shape[1]
    keys = np.empty(best.key.shape[1] + num_columns, np.int64)
    most = np.empty((num_columns + TILE - 1) // TILE, np.float32)
    for i in range(first_row, end_row):
        row, query = block.product[i], block.first_query + i
        if not block.is_scaled:
            for j in range(len(row)):
                row[j] *= block.query_scale[i] * block.reference_scale[j]
        for column in block.ignored:
            row[column] = -np.inf
        _bound(row, most)
        for target in range(targets.start[query], targets.start[query + 1]):
            threshold = targets.threshold[target]
            targets.above[target] += _num_above(row, most, threshold, block, sides, query)
        if best.k > 0:
            _collect(row, most, block, sides, best, query, keys)


@compiled
def _bound(row: Floats, most: Floats) -> None:
    """Write the greatest value of each tile of a row, or 0 where none is positive.

    Positive floats sort like their bits, whose maximum is found four times faster.
    """
    # As int32 every negative float is negative, -inf too, and loses to the 0 at the start. That 0
    # may be too high for a tile, never too low: such a tile is at worst looked at in vain.
    bits = row.view(np.int32)
    for i in range(len(most)):
        tile = bits[i * TILE : i * TILE + TILE]
        greatest = np.int32(0)
        for j in range(len(tile)):
            greatest = max(greatest, tile[j])
        most[i] = np.int32(greatest).view(np.float32)


@compiled
def _num_at_least(values: Floats, bar: np.float32) -> int:
    num = 0
    for i in range(len(values)):
        num += int(values[i] >= bar)
    return num


@compiled
def _num_above(
    row: Floats, most: Floats, threshold: np.float32, block: Block, sides: Sides, query: int
) -> int:
    # The product decides below ``low`` and from ``high`` on; between them its error might turn the
    # comparison. The next float makes ``>= high`` mean ``> threshold + margin``.
    low, high = threshold - block.margin, np.nextafter(threshold + block.margin, np.float32(9))
    num = 0
    for i in range(len(most)):
        if most[i] < low:
            continue
        tile = row[i * TILE : i * TILE + TILE]
        # Two counts without branches spare the loop below wherever nothing is in doubt.
        num_sure = _num_at_least(tile, high)
        num += num_sure
        if num_sure == _num_at_least(tile, low):
            continue
        for j in range(len(tile)):
            if low <= tile[j] < high:
                reference = block.first_reference + i * TILE + j
                num += int(cosine(sides, query, reference) > threshold)
    return num


@compiled
def _collect(
    row: Floats, most: Floats, block: Block, sides: Sides, best: Best, query: int, keys: Ints
) -> None:
    bar = best.kth[query]
    if bar == LOWEST:
        # Nothing is known yet: as k tiles hold a score of at least this, so does the k-th best.
        bar = _kth_at_least(most, best.k, keys)
    # The bar and the score beside it may err in opposite directions.
    bar -= block.margin + block.margin
    num = best.num[query]
    keys[:num] = best.key[query, :num]
    for i in range(len(most)):
        if most[i] < bar:
            continue
        tile = row[i * TILE : i * TILE + TILE]
        for j in range(len(tile)):
            if tile[j] >= bar:
                keys[num] = key_of(tile[j], block.first_reference + i * TILE + j)
                num += 1
    keep(keys[:num], sides, best, query, block.margin)


@compiled
def _kth_at_least(most: Floats, k: int, keys: Ints) -> np.float32:
    """Return a lower bound of the k-th greatest value, from the greatest ones of the tiles."""
    if len(most) < k:
        return LOWEST
    for i in range(len(most)):
        keys[i] = key_of(most[i], 0)
    bound = score_of(select(keys[: len(most)], len(most) - k))
    # 0 also stands for tiles without a positive score, so it bounds nothing.
    return bound if bound > 0 else LOWEST


@compiled
def settle_above(
    sides: Sides, targets: Targets, query: Ints, reference: Ints, target: Ints
) -> None:
    """Decide near cases: does reference[i] score above threshold[target[i]] for query[i]?"""
    for i in range(len(query)):
        score = cosine(sides, query[i], reference[i])
        targets.above[target[i]] += score > targets.threshold[target[i]]
