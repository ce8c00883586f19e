"""A planner that is slow and plain, to hold the compiled one against."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from georet.types import Ints

MASK = 2**64 - 1


class SplitMix:
    """SplitMix64 in Python's unbounded integers."""

    def __init__(self, seed: int | Sequence[int]) -> None:
        self.counter = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])

    def below(self, num: int) -> int:
        self.counter = (self.counter + 0x9E3779B97F4A7C15) & MASK
        word = self.counter
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        word ^= word >> 31
        return ((word >> 32) * num) >> 32


class Oracle:
    """Batches by Sample4Geo's rules, told with a queue, lists and sets."""

    def __init__(
        self,
        pairs: Ints,
        neighbours: Ints | None,
        batch_size: int,
        *,
        select: int = 64,
        pool: int = 128,
        seed: int | Sequence[int] = 0,
        give_up: int = 1024,
        exclude: dict[int, set[int]] | None = None,
        neighbours_of: str = "reference",
        shrink: bool = True,
        count_used_as_rejected: bool = True,
        shuffle: bool = True,
    ) -> None:
        self.pairs = [(int(query), int(reference)) for query, reference in pairs]
        rows = [] if neighbours is None else neighbours.tolist()
        self.lists = [[reference for reference in row if reference >= 0] for row in rows]
        self.batch_size, self.num_each, self.pool = batch_size, select // 2, pool
        self.give_up, self.count_used = give_up, count_used_as_rejected
        self.by_pair, self.shrink, self.shuffle = neighbours_of == "pair", shrink, shuffle
        self.exclude = exclude or {}
        self.random = SplitMix(seed)
        self.unused: dict[int, list[int]] = {}
        for pair, (_, reference) in enumerate(self.pairs):
            self.unused.setdefault(reference, []).append(pair)
        self.used: set[int] = set()
        self.batches: list[list[int]] = []
        self.open_batch()

    def open_batch(self) -> None:
        self.batch: list[int] = []
        self.queries: set[int] = set()
        self.barred: set[int] = set()  # references in the batch, and those they exclude

    def run(self) -> list[list[int]]:
        queue = deque(self.shuffled(list(range(len(self.pairs)))))
        num_fruitless = 0
        while queue and num_fruitless < self.give_up:
            pair = queue.popleft()
            if pair in self.used:
                num_fruitless += self.count_used
            elif self.fits(pair):
                num_fruitless = 0
                self.add(pair)
                if self.batch:
                    self.pull(pair)
            else:
                num_fruitless += 1
                queue.append(pair)
        return self.batches

    def shuffled(self, pairs: list[int]) -> list[int]:
        if self.shuffle:
            for last in range(len(pairs) - 1, 0, -1):
                other = self.random.below(last + 1)
                pairs[last], pairs[other] = pairs[other], pairs[last]
        return pairs

    def fits(self, pair: int) -> bool:
        query, reference = self.pairs[pair]
        return query not in self.queries and reference not in self.barred

    def add(self, pair: int) -> None:
        query, reference = self.pairs[pair]
        self.used.add(pair)
        self.batch.append(pair)
        self.queries.add(query)
        self.barred |= {reference} | self.exclude.get(reference, set())
        unused = self.unused[reference]
        if self.shuffle:  # swap removal: it decides what a random number means later
            unused[unused.index(pair)] = unused[-1]
            unused.pop()
        else:
            unused.remove(pair)
        if len(self.batch) == self.batch_size:
            self.batches.append(self.batch)
            self.open_batch()

    def pull(self, seed_pair: int) -> None:
        if not self.lists:
            return
        neighbours = self.lists[seed_pair if self.by_pair else self.pairs[seed_pair][1]]
        candidates = neighbours[: self.pool]
        near, far = candidates[: self.num_each], candidates[self.num_each :]
        pulled = self.pull_from(near, at_random=False) + self.pull_from(far, self.shuffle)
        if self.shrink and not self.by_pair:
            for reference in pulled:
                neighbours.remove(reference)

    def pull_from(self, source: list[int], at_random: bool) -> list[int]:
        pulled = []
        for i in range(min(self.num_each, len(source))):
            if not self.batch:
                break
            if at_random:
                j = i + self.random.below(len(source) - i)
                source[i], source[j] = source[j], source[i]
            pair = self.choose(source[i])
            if pair is not None:
                self.add(pair)
                pulled.append(source[i])
        return pulled

    def choose(self, reference: int) -> int | None:
        unused = self.unused.get(reference, [])
        if not unused or reference in self.barred:
            return None
        start = self.random.below(len(unused)) if self.shuffle else 0
        for pair in unused[start:] + unused[:start]:
            if self.fits(pair):
                return pair
        return None


@pytest.fixture(scope="session")
def plan_plainly() -> Callable[..., Ints]:
    """Return ``plan_batches`` in plain Python; ``exclude`` is a dictionary of sets."""

    def plan(pairs: Ints, neighbours: Ints | None, batch_size: int, **rules: object) -> Ints:
        batches = Oracle(pairs, neighbours, batch_size, **rules).run()  # type: ignore[arg-type]
        return np.array(batches, dtype=np.int64).reshape(-1, batch_size)

    return plan
