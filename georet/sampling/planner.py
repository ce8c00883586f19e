"""Batches for contrastive training: no reference twice, filled with each other's neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from georet.errors import ConfigError, DataError
from georet.sampling.kernel import Epoch, Rules, file_pairs, fill
from georet.types import Bools, Ints

Exclude = tuple[Ints, Ints]


class FilledPlan(NamedTuple):
    """A plan int64[S, B] and which of its places hold seeds bool[S, B]; the rest was pulled."""

    batches: Ints
    is_seed: Bools


def plan_batches(
    pairs: Ints,
    neighbours: Ints | None,
    batch_size: int,
    *,
    select: int = 64,
    pool: int = 128,
    seed: int | Sequence[int] = 0,
    give_up: int = 1024,
    exclude: Exclude | None = None,
    neighbours_of: Literal["reference", "pair"] = "reference",
    shrink: bool = True,
    count_used_as_rejected: bool = True,
    shuffle: bool = True,
) -> Ints:
    """Return an epoch's batches int64[S, B], rows of ``pairs`` int64[N, 2] (query, reference).

    Sample4Geo's rules (arXiv 2303.11851, section 3.3, and its published code). Pairs are visited in
    random order. A pair enters the open batch, as a seed, when neither its query nor its reference
    is in it; otherwise it goes to the back of the queue. Of the first ``pool`` neighbours of the
    seed the nearest ``select // 2`` are pulled, then as many at random out of the others, each with
    one of its unused pairs at random, while there is room. After ``give_up`` fruitless draws in a
    row, or with the last pair, the epoch ends; a batch that is not full by then is dropped.

    ``neighbours`` holds reference rows, nearest first, negative ones pad: int64[R, K] by reference,
    or int64[N, K] by pair with ``neighbours_of="pair"``, which gives each query of a reference a
    list of its own. None fills batches with seeds alone. int32 serves as well.

    ``exclude`` are lists in CSR form, int64[R+1] and int64[E], of references that must not share a
    batch with reference r; they must be symmetric, as ``exclusion`` makes them. With ``shrink`` a
    reference that seeds again does not see the neighbours it pulled before (lists by pair never
    seed twice). ``count_used_as_rejected`` counts draws of pairs that were pulled meanwhile as
    fruitless, as the published code does. Without ``shuffle`` nothing is random: pairs come in the
    order given, neighbours in theirs, and a reference gives its first unused pair.

    The same ``seed`` (a number, or several such as seed and epoch) gives the same plan anywhere.
    Raises ConfigError for sizes that can't be met, DataError for tables of the wrong shape.
    """
    rules = Rules(
        batch_size,
        select // 2,
        pool,
        give_up,
        neighbours_of == "pair",
        shrink,
        count_used_as_rejected,
        shuffle,
    )
    return fill_batches(pairs, neighbours, rules, seed=seed, exclude=exclude).batches


def fill_batches(
    pairs: Ints,
    neighbours: Ints | None,
    rules: Rules,
    *,
    seed: int | Sequence[int] = 0,
    exclude: Exclude | None = None,
) -> FilledPlan:
    """Return the plan of ``plan_batches`` under ``rules``, and which of its pairs were seeds."""
    lowest = {"batch_size": 1, "num_near": 0, "pool": 1, "give_up": 1}
    for name, low in lowest.items():
        value = getattr(rules, name)
        if value < low:
            raise ConfigError(f"{name} is {value}, it must be at least {low}")
    _check_pairs(pairs, rules.batch_size)
    num_references = int(pairs[:, 1].max()) + 1
    table = np.empty((0, 0), dtype=np.int64) if neighbours is None else neighbours
    if neighbours is not None:
        num_rows = len(pairs) if rules.by_pair else num_references
        whose = "pair" if rules.by_pair else "reference"
        if neighbours.ndim != 2 or neighbours.dtype.kind != "i" or len(neighbours) < num_rows:
            raise DataError(
                f"the neighbour table is {neighbours.dtype}{list(neighbours.shape)}, "
                f"wanted int64[{num_rows}, K], a row for each {whose}"
            )
    start, excluded = _checked_exclusion(exclude, num_references)
    epoch = _new_epoch(pairs, table, rules, start, excluded, seed)
    queue = np.arange(len(pairs), dtype=np.int32)
    fill(epoch, rules, np.ascontiguousarray(table), queue)
    num_full = int(epoch.progress[0]) // rules.batch_size
    shape = (num_full, rules.batch_size)
    num = num_full * rules.batch_size
    return FilledPlan(epoch.plan[:num].reshape(shape), epoch.is_seed[:num].reshape(shape))


def _new_epoch(
    pairs: Ints, table: Ints, rules: Rules, start: Ints, excluded: Ints, seed: int | Sequence[int]
) -> Epoch:
    query, reference = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    num_pairs = len(pairs)
    counts = np.bincount(reference)
    first = np.concatenate(([0], np.cumsum(counts)))
    members, where = np.empty(num_pairs, np.int32), np.empty(num_pairs, np.int32)
    file_pairs(reference, first, members, where)
    can_seed_twice = rules.shrink and not rules.by_pair and counts.max() > 1
    num_bytes = -(-table.shape[1] // 8)
    return Epoch(
        query=query,
        reference=reference,
        start=first,
        members=members,
        where=where,
        left=counts.astype(np.int32),
        is_used=np.zeros(num_pairs, np.bool_),
        query_stamp=np.full(int(query.max()) + 1, -1, np.int32),
        reference_stamp=np.full(len(counts), -1, np.int32),
        excluded_start=start,
        excluded=excluded,
        pulled=np.zeros((len(counts) if can_seed_twice else 0, num_bytes), np.uint8),
        columns=np.empty(min(rules.pool, table.shape[1]), np.int64),
        plan=np.empty(num_pairs, np.int64),
        is_seed=np.zeros(num_pairs, np.bool_),
        progress=np.array([0, 0, rules.batch_size], np.int64),
        random=np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64),
    )


def _check_pairs(pairs: Ints, batch_size: int) -> None:
    if pairs.ndim != 2 or pairs.shape[1] < 2 or not len(pairs) or pairs.dtype.kind != "i":
        raise DataError(f"pairs are {pairs.dtype}{list(pairs.shape)}, wanted int64[N, 2], N > 0")
    if pairs[:, :2].min() < 0 or pairs[:, :2].max() >= 2**31 - 1 or len(pairs) >= 2**31 - 1:
        raise DataError("pairs must hold rows of queries and references in 0..2**31-2")
    for column, name in enumerate(("queries", "references")):
        num = np.count_nonzero(np.bincount(pairs[:, column]))
        if num < batch_size:
            raise ConfigError(
                f"a batch of {batch_size} needs as many different {name}, there are {num}",
                where="train.batch_size",
                hint=f"set it to {num} or less: --set train.batch_size={num}",
            )


def _checked_exclusion(exclude: Exclude | None, num_references: int) -> Exclude:
    if exclude is None:
        return np.zeros(num_references + 1, np.int64), np.empty(0, np.int64)
    start, excluded = (np.ascontiguousarray(part, dtype=np.int64) for part in exclude)
    is_csr = len(start) > num_references and start[0] == 0 and start[-1] == len(excluded)
    if not is_csr or (np.diff(start) < 0).any():
        raise DataError(
            f"exclude is not in CSR form over {num_references} references",
            hint="make it with georet.sampling.exclusion(...)",
        )
    return start, excluded
