"""Visual neighbours against a sort of the full matrix."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError
from georet.sampling import visual_neighbours


def by_sorting(query, reference, positives, k):
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (query, reference)]
    table = []
    for scores, own in zip(unit[0] @ unit[1].T, positives, strict=True):
        order = [int(row) for row in np.argsort(-scores, kind="stable") if row != own]
        table.append((order + [-1] * k)[:k])
    return table


@pytest.fixture
def case():
    rng = np.random.default_rng(11)
    reference = rng.standard_normal((150, 24))
    positives = rng.integers(0, 150, 60)
    return reference[positives] + rng.standard_normal((60, 24)), reference, positives


@pytest.mark.parametrize("k", [1, 16, 149])
@pytest.mark.parametrize("chunk", [1, 64, 9999])
def test_neighbours_are_the_most_similar_references_but_the_own_one(case, k, chunk):
    found = visual_neighbours(*case, k, chunk)
    assert found.dtype == np.int64
    assert found.tolist() == by_sorting(*case, k)


def test_neighbours_that_do_not_exist_are_padded(case):
    found = visual_neighbours(*case, 155)
    assert found.tolist() == by_sorting(*case, 155)
    assert (found[:, 149:] == -1).all()
    assert (found[:, :149] >= 0).all()


def test_of_equals_the_lower_row_comes_first_and_duplicates_of_the_own_one_stay():
    reference = np.array([[0, 1], [1, 0], [1, 0], [0, 1], [1, 0]])
    found = visual_neighbours(np.array([[1.0, 0.1], [0.1, 1.0]]), reference, np.array([2, 0]), 3)
    assert found.tolist() == [[1, 4, 0], [3, 1, 2]]


def test_a_query_without_positive_keeps_all(case):
    query, reference, _ = case
    none = np.full(60, -1)
    assert visual_neighbours(query, reference, none, 5).tolist() == by_sorting(
        query, reference, none, 5
    )


def test_rows_not_embedded_yet_have_no_neighbours_and_are_nobodys(case):
    query, reference, positives = case
    query[[3, 7]] = 0
    reference[100:] = 0
    found = visual_neighbours(query, reference, positives, 120)
    assert found.max() < 100
    assert (found[[3, 7]] == -1).all()
    others = np.delete(np.arange(60), [3, 7])
    own = np.where(positives < 100, positives, -1)[others]
    assert found[others].tolist() == by_sorting(query[others], reference[:100], own, 120)


@pytest.mark.parametrize(
    ("positives", "words"),
    [
        (np.zeros(59, np.int64), "positives are int64[59], wanted int64[60]"),
        (np.zeros((60, 2), np.int64), "positives are int64[60, 2], wanted int64[60]"),
        (np.zeros(60), "positives are float64[60], wanted int64[60]"),
        (np.full(60, 150), "positives point outside the 150 references"),
        (np.full(60, -2), "positives point outside the 150 references"),
    ],
)
def test_positives_that_do_not_fit_are_refused(case, positives, words):
    with pytest.raises(DataError) as caught:
        visual_neighbours(*case[:2], positives, 4)
    assert words in str(caught.value)


def test_embeddings_that_are_not_finite_are_refused(case):
    query, reference, positives = case
    reference[5, 5] = np.inf
    with pytest.raises(DataError, match="reference embeddings: 1 of 150 rows hold NaN, inf"):
        visual_neighbours(query, reference, positives, 4)


@pytest.fixture
def many():
    """Return 300 queries and 4,000 references around 200 centres, as trained embeddings lie."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((200, 32)) + 2
    reference = centres[rng.integers(0, 200, 4000)] + 0.6 * rng.standard_normal((4000, 32))
    positives = rng.integers(0, 4000, 300)
    return reference[positives] + 0.3 * rng.standard_normal((300, 32)), reference, positives


def overlap(found, wanted):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, wanted, strict=True)])


def test_sign_bits_find_almost_the_same_neighbours_in_their_exact_order(many, monkeypatch):
    monkeypatch.setattr("georet.sampling.visual.AT_ONCE", 128)
    exact = visual_neighbours(*many, 16)
    found = visual_neighbours(*many, 16, by="sign_bits")
    assert 0.95 <= overlap(found.tolist(), exact.tolist()) <= 1
    assert not (found == many[2][:, None]).any()
    for one, whole in zip(found.tolist(), exact.tolist(), strict=True):
        places = [whole.index(row) for row in one if row in whole]
        assert places == sorted(places)


def test_with_sign_bits_rows_not_embedded_yet_are_nobodys_and_lists_are_padded(case):
    query, reference, positives = case
    query[[3, 7]] = 0
    reference[[0, 50]] = 0
    exact = visual_neighbours(query, reference, positives, 155)
    found = visual_neighbours(query, reference, positives, 155, by="sign_bits")
    assert found.tolist() == exact.tolist()


def test_bits_are_compared_of_themselves_only_where_references_are_many(many, monkeypatch):
    auto = visual_neighbours(*many, 16, by="auto")
    assert auto.tolist() == visual_neighbours(*many, 16).tolist()
    monkeypatch.setattr("georet.sampling.visual.MANY", 4000)
    by_bits = visual_neighbours(*many, 16, by="sign_bits")
    assert visual_neighbours(*many, 16, by="auto").tolist() == by_bits.tolist()
    assert by_bits.tolist() != auto.tolist()
