"""Geographic neighbours: pytest benchmarks/bench_neighbours.py --benchmark-only."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest

from georet.sampling import geographic_neighbours
from georet.types import Doubles, Ints


class Benchmark(Protocol):
    """What pytest-benchmark hands over."""

    def __call__(self, function: object, *args: object, **options: object) -> Ints: ...


def country(num: int) -> Doubles:
    """Positions float64[num, 2] strewn over a country."""
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(30, 48, num), rng.uniform(-120, -75, num)], axis=1)


@pytest.mark.parametrize("num", [5_000, 35_532])
def test_neighbours_over_a_country(benchmark: Benchmark, num: int) -> None:
    assert benchmark(geographic_neighbours, country(num), 128).min() >= 0


def test_neighbours_on_a_grid_full_of_ties(benchmark: Benchmark) -> None:
    latlon = np.stack(np.divmod(np.arange(10_000), 100), axis=1) * 0.01
    assert benchmark(geographic_neighbours, latlon, 128).min() >= 0


def test_neighbours_when_all_stand_at_one_place(benchmark: Benchmark) -> None:
    assert benchmark(geographic_neighbours, np.zeros((10_000, 2)), 128).min() >= 0
