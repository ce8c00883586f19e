"""Batch planning, compiled: pytest benchmarks/bench_planner.py --benchmark-only."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest

from georet.sampling import plan_batches
from georet.types import Ints


class Benchmark(Protocol):
    """What pytest-benchmark hands over."""

    def __call__(self, function: object, *args: object, **options: object) -> Ints: ...


def scattered_neighbours(num: int, k: int) -> Ints:
    """Neighbours int64[num, k] along a line whose places stand in random rows of the table."""
    row_of = np.random.default_rng(0).permutation(num)
    table = np.empty((num, k), np.int64)
    for column in range(k):
        step = column // 2 + 1
        table[row_of, column] = np.roll(row_of, step if column % 2 else -step)
    return table


@pytest.mark.parametrize("num_pairs", [10_000, 100_000])
def test_a_pair_for_each_reference(benchmark: Benchmark, num_pairs: int) -> None:
    pairs = np.stack([np.arange(num_pairs)] * 2, axis=1)
    plan = benchmark(plan_batches, pairs, scattered_neighbours(num_pairs, 128), 128)
    assert plan.size > 0.95 * num_pairs


def test_four_pairs_for_each_reference(benchmark: Benchmark) -> None:
    pairs = np.stack([np.arange(100_000), np.arange(100_000) // 4], axis=1)
    plan = benchmark(plan_batches, pairs, scattered_neighbours(25_000, 128), 128)
    assert plan.size > 0.95 * len(pairs)


def test_buildings_with_54_photos_each(benchmark: Benchmark) -> None:
    pairs = np.stack([np.arange(37_854), np.arange(37_854) // 54], axis=1)
    plan = benchmark(plan_batches, pairs, None, 128, give_up=512)
    assert plan.size > 0.9 * len(pairs)
