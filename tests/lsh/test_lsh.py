"""Hard negatives by codes of bits: the hash, the search, the sampler, a run with it."""

from __future__ import annotations

import numpy as np
import pytest

from georet.cli import main
from georet.config import ComponentSpec
from georet.errors import ConfigError
from georet.plugins import load_plugins
from georet.sampling import visual_neighbours
from georet.search.codes import random_planes
from georet.testing import check_sampler
from georet.testing.synthetic import made_up_bank, made_up_pairs
from georet.types import EmbeddingBank
from georet_lsh.codes import hashed, means, nearest_codes, without
from georet_lsh.sampler import LshSampler

SMALL = {"num_bits": 256, "select": 8, "pool": 16}
KINDS = [
    {},
    {"searched_by": "query"},
    {"rerank": 24},
    {"keep": "float16", "rerank": 16},
    {"keep": "bits", "centred": False},
    {"ignore_semi_positives": True},
]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def cone(num, dim, seed, spread=0.3):
    """Unit vectors in a narrow cone, as one encoder's are."""
    rng = np.random.default_rng(seed)
    axis = unit(np.random.default_rng(99).normal(size=(1, dim)))
    return unit(axis + spread * unit(rng.normal(size=(num, dim))))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_the_sampler_keeps_its_contract(options):
    spec = ComponentSpec.model_validate({"name": "lsh:lsh", **SMALL, **options})
    check_sampler(load_plugins(["lsh"]).catalog.create("samplers", spec))


def test_planes_are_orthonormal_and_bits_agree_as_angles_say():
    planes = random_planes(64, 64, np.random.default_rng(3))
    assert planes.T @ planes == pytest.approx(np.eye(64), abs=1e-5)
    rng = np.random.default_rng(0)
    first, second = unit(rng.normal(size=(2, 64)))
    for share in (0.1, 0.5, 0.9):
        near = unit((share * first + (1 - share) * second)[None])
        angle = np.arccos(float(first @ near[0]))
        codes = [hashed(v, 16_384, 1, None) for v in (first[None], near)]
        different = np.bitwise_count(codes[0] ^ codes[1]).sum() / 16_384
        # P(a bit differs) = angle / pi.
        assert different == pytest.approx(angle / np.pi, abs=0.02)


def test_centring_subtracts_each_bits_mean():
    vectors = cone(500, 32, 0)
    planes = random_planes(32, 256, np.random.default_rng(5))
    projected = vectors @ planes
    by_hand = projected - projected.mean(axis=0) >= 0
    codes = hashed(vectors, 256, 5, means(vectors))
    bits = np.unpackbits(codes.view(np.uint8), axis=1, bitorder="little").astype(bool)
    assert (bits == by_hand).mean() > 0.9999
    assert bits.mean(axis=0) == pytest.approx(0.5, abs=0.12)
    # Without it most bits are the same for all.
    raw = hashed(vectors, 256, 5, None)
    shares = np.unpackbits(raw.view(np.uint8), axis=1).mean(axis=0)
    assert (np.abs(shares - 0.5) > 0.3).mean() > 0.5


def test_the_search_finds_what_counting_all_bits_finds():
    rng = np.random.default_rng(2)
    queries, references = rng.integers(0, 2**63, (37, 4), np.uint64), None
    references = rng.integers(0, 2**63, (90, 4), np.uint64)
    distance = np.bitwise_count(queries[:, None] ^ references[None]).sum(axis=2, dtype=np.int64)
    by_hand = np.argsort(distance, axis=1, kind="stable")
    found = nearest_codes(queries, references, 10)
    assert np.array_equal(
        np.take_along_axis(distance, found, 1), np.take_along_axis(distance, by_hand[:, :10], 1)
    )
    assert np.array_equal(nearest_codes(queries, references, 95)[:, :90], by_hand)
    assert (nearest_codes(queries, references, 95)[:, 90:] == -1).all()


def test_what_is_a_querys_own_is_left_out_and_the_rest_keeps_its_order():
    found = np.array([[4, 1, 3], [2, 0, 5]])
    is_own = np.array([[False, True, False], [False, False, False]])
    assert without(found, is_own, 2).tolist() == [[4, 3], [2, 0]]
    assert without(found, is_own, 4).tolist() == [[4, 3, -1, -1], [2, 0, 5, -1]]


def overlap(table, exact):
    return np.mean(
        [len(set(a[a >= 0]) & set(b)) / len(b) for a, b in zip(table, exact, strict=True)]
    )


def bank_of(num=600, dim=64):
    pairs = made_up_pairs(num)
    reference = cone(num, dim, 0)
    query = unit(reference + 0.1 * unit(np.random.default_rng(1).normal(size=(num, dim))))
    return pairs, EmbeddingBank(query, reference, 1, "cone")


def exact_table(bank, k):
    rows = np.arange(len(bank.query))
    return visual_neighbours(bank.query, bank.reference, rows, k)


def test_more_bits_centring_and_re_ranking_come_nearer_to_the_exact_neighbours():
    pairs, bank = bank_of()
    exact = exact_table(bank, 16)

    def share(**options):
        sampler = LshSampler(select=8, pool=16, searched_by="query", **options)
        return overlap(sampler.neighbours(pairs, bank), exact)

    few, many = share(num_bits=64), share(num_bits=1024)
    assert few < many
    assert many > share(num_bits=1024, centred=False)
    assert share(num_bits=1024, rerank=128) > many
    assert overlap(exact, exact) == 1
    by_chance = 16 / 600
    assert few > 3 * by_chance


def test_re_ranking_everything_is_exact_mining():
    pairs, bank = bank_of(100)
    sampler = LshSampler(num_bits=256, select=8, pool=16, searched_by="query", rerank=100)
    assert np.array_equal(sampler.neighbours(pairs, bank), exact_table(bank, 16))


def test_by_reference_a_pair_pulls_those_whose_queries_resemble_its_tile():
    pairs, bank = bank_of(60)
    sampler = LshSampler(num_bits=256, select=4, pool=5, rerank=60)
    found = sampler.neighbours(pairs, bank)
    cosines = bank.reference @ bank.query.T
    np.fill_diagonal(cosines, -2)
    assert np.array_equal(found, np.argsort(-cosines, axis=1)[:, :5])


def test_a_bank_of_bits_takes_a_thirty_second_of_the_memory():
    sampler = LshSampler(num_bits=64, select=4, pool=8, keep="bits", centred=False)
    pairs = made_up_pairs(40)
    whole = made_up_bank(pairs, 1, embed_dim=64)
    codes = made_up_bank(pairs, 1, embed_dim=64, spec=sampler.bank_spec)
    assert codes.query.dtype == np.uint8
    assert whole.query.nbytes == 32 * codes.query.nbytes
    table = sampler.neighbours(pairs, codes)
    assert (table[np.arange(40), :1] != pairs.pairs[:, 1:]).all()
    plain = LshSampler(num_bits=64, select=4, pool=8, centred=False).neighbours(pairs, whole)
    assert overlap(table, plain) > 0.9


def test_pairs_that_were_not_seen_pull_geographic_neighbours():
    pairs = made_up_pairs(40)
    bank = made_up_bank(pairs, 1)
    seen = np.arange(40) < 30
    part = EmbeddingBank(bank.query, bank.reference, 1, "part", seen, seen)
    sampler = LshSampler(num_bits=64, select=4, pool=4)
    table = sampler.neighbours(pairs, part)
    # Nobody pulls by its looks what was not seen; the others pull what is near.
    assert table[:30].max() < 30
    first = sampler.plan(0, pairs, None, batch_size=8, seed=0)
    assert first.sampler == "lsh/first"
    latlon = pairs.references.latlon
    distance = np.linalg.norm((latlon - latlon[35]) * [1, np.cos(np.deg2rad(46))], axis=1)
    assert table[35].tolist() == np.argsort(distance)[1:5].tolist()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep": "bits"}, "neither centred nor re-ranked"),
        ({"keep": "bits", "centred": False, "rerank": 128}, "neither centred nor re-ranked"),
        ({"pool": 8}, "pool is 8"),
        ({"rerank": 8}, "rerank is 8"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        LshSampler(**options)


@pytest.mark.parametrize(
    "recipe", ["cityblocks", "orbitview", "cvusa", "cvact", "vigor-same", "vigor-cross"]
)
def test_every_recipe_is_valid_by_its_name_alone(recipe):
    assert main(["config", "validate", "--recipe", f"lsh/{recipe}", "--plugins", "lsh"]) == 0
