"""Ranking and mining: pytest benchmarks/bench_ranking.py --benchmark-only."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pytest

from georet.evaluate import metrics_of, rank_embeddings
from georet.sampling import visual_neighbours
from georet.types import Floats, Ints


class Benchmark(Protocol):
    """What pytest-benchmark hands over."""

    def __call__(self, function: object, *args: object, **options: object) -> Any: ...


def embeddings(
    num_queries: int, num_references: int, embed_dim: int
) -> tuple[Floats, Floats, Ints]:
    """Random embeddings, and a positive for each query."""
    rng = np.random.default_rng(0)
    query = rng.standard_normal((num_queries, embed_dim), dtype=np.float32)
    reference = rng.standard_normal((num_references, embed_dim), dtype=np.float32)
    return query, reference, rng.integers(0, num_references, num_queries)


def test_the_bare_product(benchmark: Benchmark) -> None:
    query, reference, _ = embeddings(1024, 16384, 256)
    assert benchmark(np.matmul, query, reference.T).shape == (1024, 16384)


@pytest.mark.parametrize("top_k", [1, 10, 128])
def test_ranks(benchmark: Benchmark, top_k: int) -> None:
    query, reference, positives = embeddings(1024, 16384, 256)
    ranking = benchmark(rank_embeddings, query, reference, positives, top_k=top_k)
    assert ranking.top.shape == (1024, top_k)


def test_visual_neighbours(benchmark: Benchmark) -> None:
    query, reference, positives = embeddings(2048, 2048, 256)
    assert benchmark(visual_neighbours, query, reference, positives, 128).min() >= 0


def test_many_positives_with_average_precision(benchmark: Benchmark) -> None:
    query, reference, _ = embeddings(200, 20_000, 256)
    positives = np.random.default_rng(1).permutation(20_000)[:10_000].reshape(200, 50)

    def judged() -> dict[str, float]:
        ranking = rank_embeddings(query, reference, positives.tolist())
        return metrics_of(ranking, "university-1652/s2d")

    assert benchmark(judged)["ap"] > 0
