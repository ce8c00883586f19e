"""The compiled inside of the batch planner: one pass, O(N K), over arrays that never move.

Batches are numbered. A query or reference is in the open batch when its stamp is that number; what
a reference excludes is stamped too, and so needs no question of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from georet.types import Bools, Ints, Pixels

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Number = int | np.signedinteger[Any]
_F = TypeVar("_F", bound=Callable[..., Any])
_compiled: Callable[[_F], _F] = njit(cache=True)

# All uint64: numba makes a float of an unsigned and a signed integer.
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_TAKEN, _BATCH, _ROOM = 0, 1, 2
_SHIFT: Final = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32))


class Rules(NamedTuple):
    """How batches are filled; ``georet.sampling.plan_batches`` explains each."""

    batch_size: int
    num_near: int
    pool: int
    give_up: int
    by_pair: bool
    shrink: bool
    count_used_as_rejected: bool
    shuffle: bool


class Epoch(NamedTuple):
    """N pairs over Q queries and R references, and how far the plan has come."""

    query: Rows
    reference: Rows
    start: Ints
    """int64[R+1]: the pairs of reference r stand in ``members`` between two of these."""
    members: Rows
    """int32[N]: when shuffled, the unused pairs of a reference come first."""
    where: Rows
    """int32[N]: where a pair stands in ``members``."""
    left: Rows
    """int32[R]: unused pairs of a reference."""
    is_used: Bools
    query_stamp: Rows
    reference_stamp: Rows
    excluded_start: Ints
    excluded: Ints
    pulled: Pixels
    """uint8[R, ceil(K/8)]: bits of the neighbours that a reference has pulled."""
    columns: Ints
    """int64[pool]: columns of the neighbour table that the open seed may draw from."""
    plan: Ints
    """int64[N]: the pairs in the order in which they were taken."""
    is_seed: Bools
    progress: Ints
    """int64[3]: pairs taken, number of the open batch, room left in it."""
    random: Words
    """uint64[1]: the generator's counter."""


@_compiled
def below(random: Words, num: Number) -> np.int64:
    """Return a random number in 0..num-1, num < 2**32, from the counter uint64[1].

    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014);
    the upper half of its word is scaled, which favours some numbers by less than num / 2**32.
    """
    random[0] += _GOLDEN
    word = random[0]
    word = (word ^ (word >> _SHIFT[0])) * _MIX[0]
    word = (word ^ (word >> _SHIFT[1])) * _MIX[1]
    word ^= word >> _SHIFT[2]
    return np.int64(((word >> _SHIFT[3]) * np.uint64(num)) >> _SHIFT[3])


@_compiled
def file_pairs(reference: Rows, start: Ints, members: Rows, where: Rows) -> None:
    """Write the pairs of each reference, ascending, into ``members``, and where they stand."""
    free = start[:-1].copy()
    for pair in range(len(reference)):
        slot = free[reference[pair]]
        members[slot] = pair
        where[pair] = slot
        free[reference[pair]] += 1


@_compiled
def fill(epoch: Epoch, rules: Rules, neighbours: Ints, queue: Rows) -> None:
    """Take pairs from the queue int32[N], a ring, until it is empty or nothing fits any more."""
    num_pairs = len(queue)
    if rules.shuffle:
        _shuffle(queue, epoch.random)
    head, num_waiting, num_fruitless = 0, num_pairs, 0
    while num_waiting > 0 and num_fruitless < rules.give_up:
        # The slot of a pair that was drawn is free, so what is rejected fits in at the other end.
        pair = queue[head]
        head = head + 1 if head + 1 < num_pairs else 0
        num_waiting -= 1
        batch = epoch.progress[_BATCH]
        if epoch.is_used[pair]:
            if rules.count_used_as_rejected:
                num_fruitless += 1
        elif (
            epoch.reference_stamp[epoch.reference[pair]] == batch
            or epoch.query_stamp[epoch.query[pair]] == batch
        ):
            queue[(head + num_waiting) % num_pairs] = pair
            num_waiting += 1
            num_fruitless += 1
        else:
            num_fruitless = 0
            epoch.is_seed[epoch.progress[_TAKEN]] = True
            _take(epoch, rules, pair)
            # The seed may have been what filled the batch.
            if epoch.progress[_BATCH] == batch:
                _pull(epoch, rules, neighbours, pair)


@_compiled
def _shuffle(queue: Rows, random: Words) -> None:
    for i in range(len(queue) - 1, 0, -1):
        j = below(random, i + 1)
        queue[i], queue[j] = queue[j], queue[i]


@_compiled
def _take(epoch: Epoch, rules: Rules, pair: Number) -> None:
    batch = epoch.progress[_BATCH]
    reference = epoch.reference[pair]
    epoch.plan[epoch.progress[_TAKEN]] = pair
    epoch.progress[_TAKEN] += 1
    epoch.is_used[pair] = True
    epoch.query_stamp[epoch.query[pair]] = batch
    epoch.reference_stamp[reference] = batch
    for i in range(epoch.excluded_start[reference], epoch.excluded_start[reference + 1]):
        # Compiled code checks no bounds, and the lists are the caller's.
        if 0 <= epoch.excluded[i] < len(epoch.left):
            epoch.reference_stamp[epoch.excluded[i]] = batch
    epoch.progress[_ROOM] -= 1
    if epoch.progress[_ROOM] == 0:
        # With the next number every stamp has expired: nothing is cleared between batches.
        epoch.progress[_BATCH] += 1
        epoch.progress[_ROOM] = rules.batch_size
    epoch.left[reference] -= 1
    # The unused pairs stay in front, so that one can be drawn by its number alone.
    if rules.shuffle and epoch.left[reference] > 0:
        _move_behind(epoch, pair, epoch.start[reference] + epoch.left[reference])


@_compiled
def _move_behind(epoch: Epoch, pair: Number, last: Number) -> None:
    """Swap a used pair with the last unused one of its reference."""
    hole, other = epoch.where[pair], epoch.members[last]
    epoch.members[hole], epoch.where[other] = other, hole
    epoch.members[last], epoch.where[pair] = pair, last


@_compiled
def _pull(epoch: Epoch, rules: Rules, neighbours: Ints, seed_pair: int) -> None:
    """Let a seed pull the nearest of its neighbours, then random ones out of the rest."""
    if neighbours.shape[1] == 0:
        return
    batch, reference = epoch.progress[_BATCH], epoch.reference[seed_pair]
    row = neighbours[seed_pair] if rules.by_pair else neighbours[reference]
    num_columns = _gather(epoch, rules, row, reference)
    for i in range(min(2 * rules.num_near, num_columns)):
        if epoch.progress[_BATCH] != batch:
            return
        if i >= rules.num_near and rules.shuffle:
            # One step of Fisher and Yates: a column at random among those not yet tried.
            j = i + below(epoch.random, num_columns - i)
            epoch.columns[i], epoch.columns[j] = epoch.columns[j], epoch.columns[i]
        column = epoch.columns[i]
        pair = _choose(epoch, rules, row[column])
        if pair >= 0:
            _take(epoch, rules, pair)
            if len(epoch.pulled) > 0:
                epoch.pulled[reference, column >> 3] |= np.uint8(1 << (column & 7))


@_compiled
def _gather(epoch: Epoch, rules: Rules, row: Ints, reference: int) -> int:
    """Write the first ``pool`` columns with a neighbour that was not pulled before; count them."""
    num = 0
    for column in range(len(row)):
        if num == rules.pool:
            break
        if row[column] < 0:
            continue
        if len(epoch.pulled) > 0 and epoch.pulled[reference, column >> 3] >> (column & 7) & 1:
            continue
        epoch.columns[num] = column
        num += 1
    return num


@_compiled
def _choose(epoch: Epoch, rules: Rules, reference: Number) -> Number:
    """Return an unused pair of a reference that may enter the open batch, or -1."""
    batch = epoch.progress[_BATCH]
    if reference >= len(epoch.left) or epoch.left[reference] == 0:
        return -1
    if epoch.reference_stamp[reference] == batch:
        return -1
    start = epoch.start[reference]
    num, offset = epoch.start[reference + 1] - start, np.int64(0)
    if rules.shuffle:
        num = np.int64(epoch.left[reference])
        offset = below(epoch.random, num)
    # Once around from the one drawn: its query may be in the batch already, by another reference.
    for i in range(offset, offset + num):
        pair = epoch.members[start + (i if i < num else i - num)]
        if not epoch.is_used[pair] and epoch.query_stamp[epoch.query[pair]] != batch:
            return np.int64(pair)
    return -1
