"""Sign bits: near rows by their codes, exact order after, and recall inside regions."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import ConfigError
from georet.search.exact import ExactIndex
from georet.search.hamming import nearest, packed
from georet.search.sign_bits import SignBits
from georet.testing import check_index


def recall(found, exact):
    return np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, exact, strict=True)])


def test_it_keeps_the_contract_of_indexes():
    check_index(SignBits)
    check_index(lambda: SignBits(exact_below=1), embed_dim=33)


@pytest.mark.parametrize("num_rows", [1, 63, 1000, 5000])
@pytest.mark.parametrize("num", [1, 40])
def test_the_nearest_codes_are_those_of_counting_bits(num_rows, num):
    rng = np.random.default_rng(num_rows)
    codes, queries = packed(rng.random((num_rows, 256)) < 0.3), packed(rng.random((11, 256)) < 0.3)
    allowed = rng.random(num_rows) < 0.6
    for mask in (np.empty(0, np.bool_), allowed):
        out = np.full((11, num), -1, np.int64)
        nearest(np.ascontiguousarray(codes.T), queries, mask, out, 0, 11)
        far = np.bitwise_count(codes[None] ^ queries[:, None]).sum(axis=2)
        far[:, ~mask if len(mask) else np.zeros(num_rows, np.bool_)] = 999
        for query, line in enumerate(out):
            best = np.argsort(far[query], kind="stable")[:num]
            wanted = best[far[query, best] < 999]
            assert sorted(line[line >= 0]) == sorted(wanted)


def test_regions_of_all_sizes_keep_recall(world):
    exact, index = ExactIndex(), SignBits(exact_below=1)
    for one in (exact, index):
        one.add(world.tiles, world.ids)
    for share in (0.001, 0.01, 0.1, 0.5, 1.0):
        region = world.box_of(share)
        wanted, found = (one.search(world.queries, 10, region) for one in (exact, index))
        assert recall(found[1], wanted[1]) >= 0.99, share
        # What it finds has the exact score, bit for bit.
        same = found[1] == wanted[1]
        assert (found[0][same] == wanted[0][same]).all()


def test_few_allowed_rows_are_scored_one_and_all(world):
    index = SignBits()
    index.add(world.tiles, world.ids)
    index.propose = None  # never called
    region = world.box_of(0.1)
    exact = ExactIndex()
    exact.add(world.tiles, world.ids)
    assert np.array_equal(
        index.search(world.queries, 5, region)[1], exact.search(world.queries, 5, region)[1]
    )


def test_the_seed_decides_the_codes(small_world):
    codes = []
    for seed in (0, 0, 1):
        index = SignBits(seed=seed)
        index.add(small_world.tiles, small_world.ids)
        codes.append(index._codes)
    assert np.array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])


def test_memory_is_that_of_the_codes(small_world):
    index = SignBits(num_bits=512)
    index.add(small_world.tiles, small_world.ids)
    assert index.num_bytes == 400 * 512 // 8 + 16 * 512 * 4 + 16 * 4


@pytest.mark.parametrize("options", [{"num_bits": 100}, {"num_bits": 0}, {"oversampling": 0}])
def test_options_without_sense_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        SignBits(**options)
