"""A ranking whose best references were put into another order, against one ranked anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from georet.evaluate import metrics_of, rank_embeddings
from georet.evaluate.reordered import reordered

NUM_QUERIES, NUM_REFERENCES, TOP = 40, 60, 10


@pytest.fixture
def sides():
    rng = np.random.default_rng(5)
    reference = rng.normal(size=(NUM_REFERENCES, 6)).astype(np.float32)
    query = reference[:NUM_QUERIES] + 1.2 * rng.normal(size=(NUM_QUERIES, 6)).astype(np.float32)
    return query.astype(np.float32), reference


def several(rng):
    return [rng.choice(NUM_REFERENCES, 3, replace=False).tolist() for _ in range(NUM_QUERIES)]


def ranked(sides, positives):
    return rank_embeddings(*sides, positives, top_k=TOP)


def test_the_order_that_is_there_changes_nothing(sides):
    ranking = ranked(sides, np.arange(NUM_QUERIES)[:, None])
    same = reordered(ranking, [np.arange(TOP)] * NUM_QUERIES)
    for name in ("rank", "hit_rank", "positive_ranks", "top", "top_score"):
        assert np.array_equal(getattr(same, name), getattr(ranking, name))


def test_every_place_is_counted_anew_as_a_list_says(sides):
    rng = np.random.default_rng(1)
    positives = several(rng)
    ranking = ranked(sides, positives)
    orders = [rng.permutation(TOP) for _ in range(NUM_QUERIES)]
    found = reordered(ranking, orders)
    whole = ranked(sides, positives).top
    every = rank_embeddings(*sides, positives, top_k=NUM_REFERENCES).top
    for query, order in enumerate(orders):
        listed = [*whole[query][order].tolist(), *every[query, TOP:].tolist()]
        places = sorted(listed.index(row) for row in positives[query])
        part = slice(*found.offsets[query : query + 2])
        assert found.positive_ranks[part].tolist() == places
        assert [listed.index(row) for row in found.positives[part]] == places
        assert found.rank[query] == places[0]
    assert metrics_of(found, "recall") != metrics_of(ranking, "recall")


def test_semi_positives_above_the_positive_dont_count_for_a_hit(sides):
    rng = np.random.default_rng(2)
    positives = np.stack([np.arange(NUM_QUERIES), (np.arange(NUM_QUERIES) + 7) % 60], axis=1)
    ranking = ranked(sides, positives)
    orders = [rng.permutation(TOP) for _ in range(NUM_QUERIES)]
    found = reordered(ranking, orders)
    num_seen = 0
    for query, order in enumerate(orders):
        listed = ranking.top[query][order].tolist()
        if query not in listed:
            assert found.rank[query] == ranking.rank[query]
            assert found.hit_rank[query] == ranking.hit_rank[query]
            continue
        place, semi = listed.index(query), int(positives[query, 1])
        is_above = semi in listed[:place]
        num_seen += is_above
        assert found.hit_rank[query] == place - is_above
    assert num_seen > 2


def test_a_tie_with_the_last_of_those_seen_stays_behind_them():
    query = np.array([[1.0, 0.0]], np.float32)
    reference = np.array([[1, 0], [0.6, 0.8], [0.6, 0.8], [0, 1]], np.float32)
    ranking = rank_embeddings(query, reference, [[2]], top_k=2)
    assert ranking.rank.tolist() == [1]
    assert ranking.top.tolist() == [[0, 1]]
    turned = reordered(ranking, [np.array([1, 0])])
    assert turned.rank.tolist() == [2]


def test_a_query_without_a_match_stays_one(sides):
    positives = [[] for _ in range(NUM_QUERIES)]
    found = reordered(ranked(sides, positives), [np.arange(TOP)[::-1]] * NUM_QUERIES)
    assert (found.rank == -1).all()


def test_a_ranking_that_names_no_positives_is_refused(sides):
    ranking = replace(ranked(sides, np.arange(NUM_QUERIES)[:, None]), positives=None)
    with pytest.raises(ValueError, match="which references are right"):
        reordered(ranking, [])
