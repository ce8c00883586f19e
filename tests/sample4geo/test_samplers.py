from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.contracts.training import Sampler
from georet.errors import ConfigError, DataError, TrainingError
from georet.geodesy import distance_m
from georet.testing import check_sampler
from georet.types import Doubles, EmbeddingBank, Floats, ImageTable, Ints, PairTable
from georet_sample4geo.samplers import (
    GpsSampler,
    RandomSampler,
    Sample4GeoSampler,
    SimilaritySampler,
)

SMALL: dict[str, Any] = {"select": 8, "pool": 16}
SAMPLERS = [
    RandomSampler(),
    GpsSampler(**SMALL),
    SimilaritySampler(**SMALL, mine_every=2),
    SimilaritySampler(**SMALL, incremental=True),
    Sample4GeoSampler(**SMALL, mine_every=1),
    Sample4GeoSampler(**SMALL, incremental=True),
]


def images(name: str, num: int, latlon: Doubles | None = None, **columns: Doubles) -> ImageTable:
    paths = [Path(f"{name}{i}.jpg") for i in range(num)]
    return ImageTable([path.stem for path in paths], paths, latlon, columns, name)


def make_pairs(
    pairs: Ints, *, reference_latlon: Doubles | None = None, query_latlon: Doubles | None = None
) -> PairTable:
    num_queries, num_references = pairs.max(axis=0) + 1
    if reference_latlon is not None:
        num_references = len(reference_latlon)
    views = {
        "query": images("query", num_queries, query_latlon),
        "reference": images("reference", num_references, reference_latlon),
    }
    return PairTable(views, pairs)


def towns(num_towns: int, num_each: int) -> Doubles:
    """Rows of one town follow each other; towns are hundreds of kilometres apart."""
    rng = np.random.default_rng(0)
    centres = np.stack([np.linspace(30, 60, num_towns), np.linspace(-100, 40, num_towns)], axis=1)
    return np.repeat(centres, num_each, axis=0) + rng.normal(0, 0.001, (num_towns * num_each, 2))


def one_each(num: int) -> Ints:
    return np.stack([np.arange(num), np.arange(num)], axis=1)


def unit(vectors: Doubles) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def groups_bank(group: Ints, pairs: Ints, *, epoch: int = 0) -> EmbeddingBank:
    """References of one group look alike, and so do their queries."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(group.max() + 1, 32))
    reference = unit(centres[group] + rng.normal(0, 0.05, (len(group), 32)))
    query = np.zeros((pairs[:, 0].max() + 1, 32), np.float32)
    query[pairs[:, 0]] = reference[pairs[:, 1]]
    return EmbeddingBank(query, reference, epoch, f"groups-{epoch}")


def share_alone(batches: Ints, group: Ints) -> float:
    """The share of batch members of whose group nobody else is in the batch."""
    alone = [np.unique(group[batch], return_counts=True)[1] == 1 for batch in batches]
    return float(np.mean([lonely.sum() for lonely in alone])) / batches.shape[1]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: repr(s).split("(")[0])
def test_every_sampler_keeps_the_contract(sampler: Sampler) -> None:
    assert isinstance(sampler, Sampler)
    check_sampler(sampler)


@pytest.mark.parametrize("kind", [RandomSampler, GpsSampler, SimilaritySampler, Sample4GeoSampler])
def test_options_are_annotated_and_by_name_only(kind: type[RandomSampler]) -> None:
    for parameter in inspect.signature(kind).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.annotation is not parameter.empty
        assert parameter.default is not parameter.empty


def test_the_defaults_are_those_of_the_paper() -> None:
    wanted = {"select": 64, "pool": 128, "give_up": 1024, "mine_every": 4}
    sampler = Sample4GeoSampler()
    assert {name: getattr(sampler, name) for name in wanted} == wanted
    assert not sampler.ignore_semi_positives
    assert sampler.ignore_within_m is None


@pytest.mark.parametrize(
    ("sampler", "wishes"),
    [
        (RandomSampler(), [None] * 6),
        (GpsSampler(), [None] * 6),
        (SimilaritySampler(mine_every=2), ["mine", "keep"] * 3),
        (SimilaritySampler(incremental=True), ["incremental"] * 6),
        (Sample4GeoSampler(), [None] * 4 + ["mine", "keep"]),
        (Sample4GeoSampler(mine_every=2), [None, None, "mine", "keep", "mine", "keep"]),
        (
            Sample4GeoSampler(mine_every=3, first_mine_epoch=1),
            [None, "mine", "keep", "keep", "mine", "keep"],
        ),
        (Sample4GeoSampler(incremental=True), [None] + ["incremental"] * 5),
    ],
)
def test_banks_are_asked_for_when_mining_is_due(sampler: Sampler, wishes: list[str | None]) -> None:
    assert [sampler.wants_bank(epoch) for epoch in range(6)] == wishes


def test_gps_batches_hold_neighbours_and_random_ones_do_not() -> None:
    town = np.repeat(np.arange(20), 20)
    pairs = make_pairs(one_each(400), reference_latlon=towns(20, 20))
    near = GpsSampler(**SMALL).plan(0, pairs, None, batch_size=8, seed=1)
    chance = RandomSampler().plan(0, pairs, None, batch_size=8, seed=1)
    assert share_alone(near.batches, town) < 0.15
    assert share_alone(chance.batches, town) > 0.5
    assert near.info["pulled_share"] > 0.5 > chance.info["pulled_share"] == 0
    assert near.info["median_mate_km"] < chance.info["median_mate_km"] / 10
    assert near.info["num_dropped"] == 400 - near.batches.size
    assert (near.sampler, chance.sampler) == ("gps", "random")


def test_similarity_batches_hold_what_looks_alike() -> None:
    group = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 20))
    pairs = make_pairs(one_each(400))
    bank = groups_bank(group, pairs.pairs)
    plan = SimilaritySampler(**SMALL).plan(0, pairs, bank, batch_size=10, seed=1)
    assert share_alone(plan.batches, group) < 0.15
    assert "median_mate_km" not in plan.info


def test_sample4geo_goes_from_positions_to_similarity() -> None:
    town = np.repeat(np.arange(20), 20)
    group = np.random.default_rng(0).permutation(town)
    pairs = make_pairs(one_each(400), reference_latlon=towns(20, 20))
    sampler = Sample4GeoSampler(**SMALL, mine_every=2)
    early = sampler.plan(1, pairs, None, batch_size=10, seed=1)
    late = sampler.plan(2, pairs, groups_bank(group, pairs.pairs), batch_size=10, seed=1)
    assert share_alone(early.batches, town) < 0.15 < share_alone(early.batches, group)
    assert share_alone(late.batches, group) < 0.15 < share_alone(late.batches, town)
    assert (early.sampler, late.sampler) == ("sample4geo/gps", "sample4geo/similarity")


def test_queries_of_one_reference_each_pull_their_own_neighbours() -> None:
    # Two queries of reference 0: one resembles reference 1, the other reference 2.
    pairs = make_pairs(np.array([[0, 0], [1, 0], [2, 1], [3, 2]]))
    reference = np.eye(3, dtype=np.float32)
    query = unit(np.array([[1, 0.9, 0], [1, 0, 0.9], [0.5, 1, 0], [0.5, 0, 1]]))
    bank = EmbeddingBank(query, reference, 0, "two")
    sampler = SimilaritySampler(select=2, pool=2)
    assert sampler._bank_table(pairs, bank).tolist() == [[1, 2], [2, 1], [0, 2], [0, 1]]
    plans = [sampler.plan(0, pairs, bank, batch_size=2, seed=seed).batches for seed in range(20)]
    pulled = {(seed, mate) for plan in plans for seed, mate in plan[:1].tolist()}
    assert pulled == {(0, 2), (1, 3), (2, 0), (2, 1), (3, 0), (3, 1)}


def test_references_without_a_pair_take_no_place_in_the_lists() -> None:
    latlon = towns(4, 25)
    owners = np.arange(0, 100, 5)
    pairs = make_pairs(np.stack([np.arange(20), owners], axis=1), reference_latlon=latlon)
    sampler = GpsSampler(select=8, pool=8)
    table = sampler._gps_table(pairs)
    distance = distance_m(latlon[owners][:, None], latlon[owners][None])
    nearest = owners[np.argsort(distance, axis=1)[:, 1:9]]
    np.testing.assert_array_equal(table[owners], nearest)
    assert (np.delete(table, owners, axis=0) == -1).all()
    assert len(sampler.plan(0, pairs, None, batch_size=5, seed=0).batches)


def test_positions_of_queries_serve_where_asked_for() -> None:
    pairs = make_pairs(one_each(200), query_latlon=towns(10, 20))
    town = np.repeat(np.arange(10), 20)
    plan = GpsSampler(**SMALL, positions="query").plan(0, pairs, None, batch_size=8, seed=0)
    assert share_alone(plan.batches, town) < 0.15


def test_plane_coordinates_come_from_their_columns() -> None:
    metres = towns(10, 20) * 1e5
    easting, northing = metres.T
    references = images("reference", 200, easting_m=easting, northing_m=northing)
    pairs = PairTable({"query": images("query", 200), "reference": references}, one_each(200))
    sampler = GpsSampler(**SMALL, distance="euclidean")
    plan = sampler.plan(0, pairs, None, batch_size=8, seed=0)
    assert share_alone(plan.batches, np.repeat(np.arange(10), 20)) < 0.15


@pytest.mark.parametrize("distance", ["great_circle", "euclidean"])
def test_missing_positions_are_an_error_that_says_what_to_type(distance: Any) -> None:
    pairs = make_pairs(one_each(20))
    with pytest.raises(DataError, match=r"sampler\.name=random") as caught:
        GpsSampler(distance=distance).plan(0, pairs, None, batch_size=4, seed=0)
    assert caught.value.where == "reference"
    with pytest.raises(DataError):
        Sample4GeoSampler().plan(0, pairs, None, batch_size=4, seed=0)


def test_a_bank_that_was_asked_for_and_not_given_is_an_error() -> None:
    pairs = make_pairs(one_each(20))
    with pytest.raises(TrainingError, match="epoch 4"):
        Sample4GeoSampler().plan(4, pairs, None, batch_size=4, seed=0)


def test_pairs_not_seen_yet_fall_back_to_positions() -> None:
    town = np.repeat(np.arange(20), 20)
    group = np.random.default_rng(0).permutation(town)
    pairs = make_pairs(one_each(400), reference_latlon=towns(20, 20))
    bank = groups_bank(group, pairs.pairs)
    seen = np.arange(400) < 200
    part = dataclasses.replace(bank, query_seen=seen, reference_seen=seen)
    sampler = SimilaritySampler(**SMALL, incremental=True)
    table = sampler._bank_table(pairs, part)
    assert (group[table[:200, 0]] == group[:200]).mean() > 0.9
    assert table[:200].max() < 200
    assert (town[table[200:, :8]] == town[200:, None]).all()
    nothing = dataclasses.replace(bank, query_seen=~seen & False, reference_seen=~seen & False)
    plan = sampler.plan(0, pairs, nothing, batch_size=10, seed=1)
    assert share_alone(plan.batches, town) < 0.15


def test_pairs_not_seen_yet_pull_nothing_without_positions() -> None:
    pairs = make_pairs(one_each(100))
    bank = groups_bank(np.zeros(100, np.int64), pairs.pairs)
    unseen = np.zeros(100, np.bool_)
    part = dataclasses.replace(bank, query_seen=unseen, reference_seen=unseen)
    plan = SimilaritySampler(**SMALL, incremental=True).plan(0, pairs, part, batch_size=8, seed=0)
    assert plan.info["pulled_share"] == 0


def test_a_bank_of_the_same_name_is_not_mistaken_for_an_earlier_one() -> None:
    pairs = make_pairs(one_each(100))
    banks = [groups_bank(np.arange(100) // size, pairs.pairs) for size in (10, 5)]
    sampler = SimilaritySampler(**SMALL)
    used = [sampler.plan(0, pairs, bank, batch_size=8, seed=0).batches for bank in banks]
    fresh = [
        SimilaritySampler(**SMALL).plan(0, pairs, bank, batch_size=8, seed=0).batches
        for bank in banks
    ]
    assert not np.array_equal(*used)
    np.testing.assert_array_equal(used, fresh)


def test_false_negatives_are_kept_apart_when_asked_for() -> None:
    latlon = towns(20, 20)
    pairs = make_pairs(one_each(400), reference_latlon=latlon)
    options = {**SMALL, "ignore_within_m": 60.0}
    plan = GpsSampler(**options).plan(0, pairs, None, batch_size=8, seed=0)
    close = GpsSampler(**SMALL).plan(0, pairs, None, batch_size=8, seed=0)
    nearest = []
    for batches in (plan.batches, close.batches):
        places = latlon[batches]
        apart = distance_m(places[:, :, None], places[:, None])
        nearest.append((apart + 1e9 * np.eye(8)).min())
    assert nearest[0] > 60.0 > nearest[1]


def test_an_epoch_without_a_single_batch_is_an_error() -> None:
    pairs = make_pairs(one_each(20), reference_latlon=np.tile([[48.0, 11.0]], (20, 1)))
    with pytest.raises(ConfigError, match="not one batch of 4 can be filled from 20 pairs"):
        RandomSampler(ignore_within_m=10.0).plan(0, pairs, None, batch_size=4, seed=0)


def test_a_batch_larger_than_the_data_is_an_error_with_the_key() -> None:
    pairs = make_pairs(one_each(20))
    with pytest.raises(ConfigError, match=r"train\.batch_size=20"):
        RandomSampler().plan(0, pairs, None, batch_size=32, seed=0)


def test_a_pool_smaller_than_the_selection_is_refused() -> None:
    with pytest.raises(ConfigError, match="smaller than select = 64"):
        GpsSampler(pool=32)


def test_the_share_of_hard_negatives_follows_its_schedule() -> None:
    pairs = make_pairs(one_each(640), reference_latlon=towns(20, 32))
    sampler = GpsSampler(select=8, pool=16, hardness=(0.0, 1.0))

    def pulled(epoch: int, epochs: int) -> float:
        plan = sampler.plan(epoch, pairs, None, batch_size=16, seed=0, epochs=epochs)
        return float(plan.info["pulled_share"])

    shares = [pulled(epoch, 5) for epoch in range(5)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[2] < shares[4]
    whole = GpsSampler(select=8, pool=16).plan(4, pairs, None, batch_size=16, seed=0, epochs=5)
    same = sampler.plan(4, pairs, None, batch_size=16, seed=0, epochs=5)
    assert np.array_equal(whole.batches, same.batches)


@pytest.mark.parametrize("size", [2, 4, 7])
def test_neighbours_that_ranks_have_found_in_shares_give_the_same_plan(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    pairs, group = make_pairs(one_each(100), reference_latlon=towns(10, 10)), np.arange(100) // 10
    seen = np.arange(100) != 41
    bank = dataclasses.replace(
        groups_bank(group, pairs.pairs), query_seen=seen, reference_seen=seen
    )
    expected = SimilaritySampler(**SMALL).plan(0, pairs, bank, batch_size=10, seed=1)
    sizes: list[int] = []

    def rows_to_first(num: int, work: Any) -> Any:
        parts = [slice(rank * num // size, (rank + 1) * num // size) for rank in range(size)]
        found = [work(part) for part in parts]
        sizes.extend(map(len, found))
        return np.concatenate(found)

    sampler = SimilaritySampler(**SMALL)
    sampler.prepare(0, pairs, bank, rows_to_first)
    # What is planned afterwards comes from what was found.
    monkeypatch.setattr("georet_sample4geo.tables.visual_neighbours", None)
    found = sampler.plan(0, pairs, bank, batch_size=10, seed=1)
    assert np.array_equal(found.batches, expected.batches)
    assert sum(sizes) == 99
    assert len(set(sizes)) > 1
    SimilaritySampler(**SMALL).prepare(0, pairs, bank, lambda num, work: None)  # not the first rank


def test_ranks_without_a_pair_to_search_for_find_nothing() -> None:
    pairs = make_pairs(one_each(3), reference_latlon=towns(1, 3))
    bank = groups_bank(np.arange(3), pairs.pairs)
    found = []

    def rows_to_first(num: int, work: Any) -> Any:
        found.extend([work(slice(0, 0)), work(slice(0, num))])
        return np.concatenate(found)

    SimilaritySampler(select=1, pool=2).prepare(0, pairs, bank, rows_to_first)
    assert [part.shape for part in found] == [(0, 2), (3, 2)]
