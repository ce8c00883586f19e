from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georet.errors import ConfigError, DataError
from georet.sampling import plan_batches
from georet.sampling.kernel import Rules
from georet.sampling.planner import fill_batches
from georet.types import Ints

Planner = Callable[..., Ints]
Csr = tuple[Ints, Ints]


def make_pairs(rng: np.random.Generator, num_pairs: int, num_references: int) -> Ints:
    """Pairs of which several share a reference, and a few share a query."""
    query = np.arange(num_pairs)
    query[rng.random(num_pairs) < 0.1] = 0
    return np.stack([query, rng.integers(0, num_references, num_pairs)], axis=1)


def make_table(rng: np.random.Generator, num_rows: int, num_references: int, k: int) -> Ints:
    """Neighbour lists without repetition, some of them short."""
    table = np.argsort(rng.random((num_rows, num_references)), axis=1)[:, :k]
    table[np.arange(k) >= rng.integers(k // 2, k + 1, (num_rows, 1))] = -1
    return table


def make_exclusion(rng: np.random.Generator, num: int) -> tuple[Csr, dict[int, set[int]]]:
    matrix = rng.random((num, num)) < 2 / num
    matrix |= matrix.T
    np.fill_diagonal(matrix, val=False)
    start = np.concatenate(([0], np.cumsum(matrix.sum(axis=1))))
    lists = {row: set(np.flatnonzero(matrix[row]).tolist()) for row in range(num)}
    return (start, np.nonzero(matrix)[1]), lists


@pytest.mark.parametrize("case", range(24))
@pytest.mark.parametrize("shuffle", [False, True], ids=["stubbed", "random"])
@pytest.mark.parametrize("excludes", [False, True], ids=["all", "excluding"])
def test_plans_equal_those_of_the_plain_planner(
    case: int, shuffle: bool, excludes: bool, plan_plainly: Planner
) -> None:
    rng = np.random.default_rng([case, shuffle, excludes])
    num_pairs, num_references = int(rng.integers(150, 400)), int(rng.integers(60, 200))
    pairs = make_pairs(rng, num_pairs, num_references)
    by_pair = case % 3 == 2
    table = make_table(rng, num_pairs if by_pair else num_references, num_references, 24)
    rules = {
        "select": [8, 12, 0, 7][case % 4],
        "pool": [16, 24, 64][case % 3],
        "seed": [case, 7],
        "give_up": [1024, 40, 5][case % 3],
        "neighbours_of": "pair" if by_pair else "reference",
        "shrink": case % 2 == 0,
        "count_used_as_rejected": case % 5 != 0,
        "shuffle": shuffle,
    }
    csr, lists = make_exclusion(rng, num_references)
    batch_size = int(rng.integers(2, 25))
    plan = plan_batches(pairs, table, batch_size, exclude=csr if excludes else None, **rules)
    plain = plan_plainly(pairs, table, batch_size, exclude=lists if excludes else None, **rules)
    assert plan.shape[0] > 0
    np.testing.assert_array_equal(plan, plain)


@pytest.mark.parametrize("case", range(6))
def test_plans_without_neighbours_equal_those_of_the_plain_planner(
    case: int, plan_plainly: Planner
) -> None:
    rng = np.random.default_rng(case)
    pairs = np.stack([np.arange(300), np.sort(rng.integers(0, 12, 300))], axis=1)
    rules = {"give_up": 512, "seed": case, "shuffle": case % 2 == 0}
    plan = plan_batches(pairs, None, 8, **rules)
    np.testing.assert_array_equal(plan, plan_plainly(pairs, None, 8, **rules))
    assert plan.size > 200


def test_a_batch_worked_by_hand_comes_out() -> None:
    # Six pairs of their own references; pair 0 pulls 3 (near) and 4 (first of the far ones).
    pairs = np.stack([np.arange(6), np.arange(6)], axis=1)
    table = np.array([[3, 4, 5], [0, 2, 5], [1, 5, 0], [0, 1, 2], [5, 1, 0], [1, 2, 4]])
    plan = plan_batches(pairs, table, 3, select=2, pool=3, shuffle=False)
    assert plan.tolist() == [[0, 3, 4], [1, 2, 5]]


def test_a_reference_that_seeds_twice_does_not_see_again_what_it_pulled() -> None:
    # Reference 0 owns pairs 0 and 1, reference 1 pairs 2 and 3, the next two one each.
    pairs = np.array([[0, 0], [1, 0], [2, 1], [3, 1], [4, 2], [5, 3]])
    table = np.array([[1, 2, 3], [0, 2, 3], [3, 0, 1], [2, 0, 1]])
    rules = {"select": 2, "pool": 1, "shuffle": False}
    assert plan_batches(pairs, table, 2, **rules).tolist() == [[0, 2], [1, 4], [3, 5]]
    again = plan_batches(pairs, table, 2, shrink=False, **rules)
    assert again.tolist() == [[0, 2], [1, 3], [4, 5]]


def test_lists_by_pair_let_each_query_pull_its_own_neighbours() -> None:
    pairs = np.array([[0, 0], [1, 0], [2, 1], [3, 2]])
    table = np.array([[1], [2], [0], [0]])
    rules = {"select": 2, "pool": 1, "shuffle": False}
    by_pair = plan_batches(pairs, table, 2, neighbours_of="pair", **rules)
    assert by_pair.tolist() == [[0, 2], [1, 3]]


def test_neighbours_of_the_reference_table_are_left_untouched() -> None:
    rng = np.random.default_rng(0)
    table = make_table(rng, 50, 50, 16)
    before = table.copy()
    plan_batches(make_pairs(rng, 200, 50), table, 8, select=8, pool=16)
    np.testing.assert_array_equal(table, before)


def test_int32_tables_and_read_only_tables_give_the_same_plan() -> None:
    rng = np.random.default_rng(1)
    pairs, table = make_pairs(rng, 200, 60), make_table(rng, 60, 60, 16)
    plan = plan_batches(pairs, table, 8, select=8, pool=16)
    narrow = table.astype(np.int32)
    narrow.flags.writeable = False
    np.testing.assert_array_equal(plan, plan_batches(pairs, narrow, 8, select=8, pool=16))


def test_entries_that_are_no_reference_with_pairs_are_passed_over() -> None:
    pairs = np.array([[0, 0], [1, 1], [2, 2], [3, 4]])
    table = np.full((5, 4), [10**12, 3, -7, 2])
    plan = plan_batches(pairs, table, 2, select=8, pool=8, shuffle=False)
    assert plan.tolist() == [[0, 2], [1, 3]]


def test_seeds_and_pulled_pairs_are_told_apart() -> None:
    pairs = np.stack([np.arange(6), np.arange(6)], axis=1)
    table = np.array([[3, 4, 5], [0, 2, 5], [1, 5, 0], [0, 1, 2], [5, 1, 0], [1, 2, 4]])
    rules = Rules(3, 1, 3, 1024, False, True, True, False)
    filled = fill_batches(pairs, table, rules)
    assert filled.is_seed.tolist() == [[True, False, False], [True, False, True]]
    assert fill_batches(pairs, None, rules).is_seed.all()


@st.composite
def problems(draw: st.DrawFn) -> tuple[Ints, Ints, Csr, dict[int, set[int]], int, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num_references = draw(st.integers(8, 60))
    owners = np.concatenate([np.arange(num_references), rng.integers(0, num_references, 60)])
    pairs = np.stack([np.arange(len(owners)), rng.permutation(owners)], axis=1)
    if draw(st.booleans()):
        pairs[:, 0] = rng.permutation(np.repeat(np.arange(len(owners)), 2)[: len(owners)])
    table = make_table(rng, num_references, num_references, draw(st.integers(2, 8)))
    csr, lists = make_exclusion(rng, num_references)
    return pairs, table, csr, lists, draw(st.integers(2, 8)), draw(st.integers(0, 2**40))


@settings(deadline=None, max_examples=60)
@given(problems(), st.booleans(), st.integers(0, 12), st.integers(6, 20))
def test_rules_hold_in_every_plan(
    problem: tuple[Ints, Ints, Csr, dict[int, set[int]], int, int],
    excludes: bool,
    select: int,
    pool: int,
) -> None:
    pairs, table, csr, lists, batch_size, seed = problem
    exclude = csr if excludes else None
    rules = {"select": select, "pool": pool, "seed": seed, "exclude": exclude}
    plan = plan_batches(pairs, table, batch_size, **rules)
    assert plan.dtype == np.int64
    assert plan.shape[1] == batch_size
    assert len(np.unique(plan)) == plan.size
    for batch in plan:
        references = pairs[batch, 1].tolist()
        assert len(set(references)) == batch_size
        assert len(set(pairs[batch, 0].tolist())) == batch_size
        if excludes:
            assert not any(lists[reference] & set(references) for reference in references)
    np.testing.assert_array_equal(plan, plan_batches(pairs, table, batch_size, **rules))


def test_another_seed_or_another_epoch_gives_another_plan() -> None:
    rng = np.random.default_rng(3)
    pairs, table = make_pairs(rng, 400, 200), make_table(rng, 200, 200, 16)
    plans = [
        plan_batches(pairs, table, 8, select=8, pool=16, seed=s).tolist()
        for s in (0, 1, (0, 1), (0, 2), (1, 1))
    ]
    assert all(plans[i] != plans[j] for i in range(5) for j in range(i))


def test_all_pairs_are_used_where_nothing_stands_in_the_way() -> None:
    pairs = np.stack([np.arange(1000), np.arange(1000)], axis=1)
    plan = plan_batches(pairs, None, 10, count_used_as_rejected=False)
    assert sorted(plan.ravel().tolist()) == list(range(1000))


def test_giving_up_ends_the_epoch_and_drops_the_open_batch() -> None:
    # One reference owns nearly everything: after its pairs are refused, nothing can be done.
    reference = np.concatenate([np.zeros(500, dtype=np.int64), np.arange(1, 8)])
    pairs = np.stack([np.arange(507), reference], axis=1)
    plan = plan_batches(pairs, None, 4, give_up=1024)
    assert len(plan) == 2


def test_the_random_stream_is_pinned() -> None:
    # A change here changes every run's batches: raise the version and say so in the changelog.
    pairs = np.stack([np.arange(8), np.arange(8)], axis=1)
    table = (np.arange(8)[:, None] + np.arange(1, 8)) % 8
    plan = plan_batches(pairs, table, 4, select=4, pool=7, seed=(5, 1))
    assert plan.tolist() == [[1, 2, 3, 0], [4, 5, 6, 7]]


def test_a_batch_wider_than_the_references_is_refused_with_the_number_that_works() -> None:
    pairs = np.stack([np.arange(50), np.arange(50) % 9], axis=1)
    with pytest.raises(ConfigError, match=r"16 needs as many different references, there are 9"):
        plan_batches(pairs, None, 16)
    with pytest.raises(ConfigError, match="different queries, there are 9"):
        plan_batches(pairs[:, ::-1].copy(), None, 16)


@pytest.mark.parametrize(
    "rule", [{"select": -2}, {"pool": 0}, {"give_up": 0}], ids=["select", "pool", "give_up"]
)
def test_rules_out_of_range_are_refused(rule: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be at least"):
        plan_batches(np.zeros((1, 2), dtype=np.int64), None, 1, **rule)


def test_tables_of_the_wrong_shape_are_refused() -> None:
    pairs = np.stack([np.arange(9), np.arange(9)], axis=1)
    with pytest.raises(DataError, match="a row for each reference"):
        plan_batches(pairs, np.zeros((8, 3), dtype=np.int64), 2)
    with pytest.raises(DataError, match="neighbour table is float64"):
        plan_batches(pairs, np.zeros((9, 3)), 2)
    with pytest.raises(DataError, match="CSR"):
        plan_batches(pairs, None, 2, exclude=(np.zeros(4, np.int64), np.zeros(0, np.int64)))
    with pytest.raises(DataError, match=r"wanted int64\[N, 2\]"):
        plan_batches(np.zeros((0, 2), dtype=np.int64), None, 2)


def test_importing_georet_and_its_sampling_package_imports_no_compiler() -> None:
    code = (
        "import sys, georet, georet.sampling; print({'numba', 'scipy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
