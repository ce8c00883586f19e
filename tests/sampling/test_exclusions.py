from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.geodesy import destination, distance_m
from georet.sampling import exclusion, plan_batches
from georet.types import Doubles, ImageTable, Ints, PairTable


def make_table(
    pairs: Ints, *, semi_positives: Ints | None = None, latlon: Doubles | None = None
) -> PairTable:
    num_queries, num_references = pairs.max(axis=0) + 1
    if latlon is not None:
        num_references = len(latlon)
    if semi_positives is not None:
        num_references = max(num_references, semi_positives.max() + 1)
    sizes = {"query": num_queries, "reference": num_references}
    views = {
        name: ImageTable(
            [f"{name}{i}" for i in range(num)],
            [Path(f"{name}{i}.jpg") for i in range(num)],
            latlon if name == "reference" else None,
        )
        for name, num in sizes.items()
    }
    return PairTable(views, pairs, semi_positives)


def as_sets(exclude: tuple[Ints, Ints] | None) -> list[set[int]]:
    assert exclude is not None
    start, excluded = exclude
    assert start.dtype == excluded.dtype == np.int64
    return [set(part.tolist()) for part in np.split(excluded, start[1:-1])]


def test_semi_positives_exclude_each_other_both_ways() -> None:
    pairs = np.array([[0, 0], [1, 1], [2, 3]])
    semi = np.array([[1, 2], [-1, -1], [3, -1]])
    table = make_table(pairs, semi_positives=semi)
    lists = as_sets(exclusion(table, semi_positives=True, within_m=None))
    assert lists == [{1, 2}, {0}, {0}, set()]


def test_references_of_one_query_exclude_each_other() -> None:
    table = make_table(np.array([[0, 0], [0, 2], [1, 1], [2, 2]]))
    lists = as_sets(exclusion(table, semi_positives=True, within_m=None))
    assert lists == [{2}, set(), {0}]
    semi = np.array([[1], [-1], [-1], [-1]])
    table = make_table(table.pairs, semi_positives=semi)
    assert as_sets(exclusion(table, semi_positives=True, within_m=None)) == [{1, 2}, {0, 2}, {0, 1}]


def test_radius_equals_brute_force_across_the_date_line() -> None:
    rng = np.random.default_rng(0)
    latlon = destination([12.0, 180.0], rng.uniform(0, 7, 300), rng.uniform(0, 3000, 300))
    latlon[7] = latlon[8]
    table = make_table(np.stack([np.arange(300), np.arange(300)], axis=1), latlon=latlon)
    lists = as_sets(exclusion(table, semi_positives=False, within_m=250.0))
    near = distance_m(latlon[:, None], latlon[None]) <= 250.0
    np.fill_diagonal(near, val=False)
    assert lists == [set(np.flatnonzero(row).tolist()) for row in near]
    assert 8 in lists[7]


def test_both_kinds_add_up_and_plans_obey_them() -> None:
    rng = np.random.default_rng(1)
    latlon = destination([48.0, 11.0], rng.uniform(0, 7, 200), rng.uniform(0, 2000, 200))
    pairs = np.stack([np.arange(400), np.arange(400) % 200], axis=1)
    semi = rng.integers(0, 200, (400, 2))
    table = make_table(pairs, semi_positives=semi, latlon=latlon)
    exclude = exclusion(table, semi_positives=True, within_m=100.0)
    lists = as_sets(exclude)
    apart = as_sets(exclusion(table, semi_positives=False, within_m=100.0))
    shown = as_sets(exclusion(table, semi_positives=True, within_m=None))
    assert lists == [a | b for a, b in zip(apart, shown, strict=True)]
    plan = plan_batches(pairs, None, 8, exclude=exclude)
    assert len(plan) > 30
    for batch in pairs[plan, 1].tolist():
        assert not any(lists[reference] & set(batch) for reference in batch)


def test_nothing_asked_for_is_no_exclusion() -> None:
    table = make_table(np.array([[0, 0], [1, 1]]))
    assert exclusion(table, semi_positives=False, within_m=None) is None


def test_a_radius_without_positions_is_refused() -> None:
    with pytest.raises(DataError, match="no positions"):
        exclusion(make_table(np.array([[0, 0]])), semi_positives=False, within_m=25.0)


def test_a_negative_and_a_boundless_radius_are_refused() -> None:
    table = make_table(np.array([[0, 0]]), latlon=np.zeros((12_000, 2)))
    with pytest.raises(ConfigError, match="negative"):
        exclusion(table, semi_positives=False, within_m=-1.0)
    with pytest.raises(ConfigError, match="couples of references"):
        exclusion(table, semi_positives=False, within_m=1.0)


def test_what_a_pair_may_show_instead_is_excluded_like_its_semi_positives() -> None:
    pairs = make_table(np.array([[0, 0], [1, 1], [2, 2], [3, 3]]))
    drawn = replace(pairs, alternatives={"reference": [[0, 3], [1], [], [3]]})
    found = as_sets(exclusion(drawn, semi_positives=True, within_m=None))
    assert found == [{3}, set(), set(), {0}]
