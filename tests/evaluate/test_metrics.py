"""Each metric on three queries and four references, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from georet.evaluate import (
    PERCENT_RULES,
    average_precision,
    distances,
    errors_m,
    hit_rate,
    rank_embeddings,
    recall_at,
    recall_at_percent,
    sdm,
    within_m,
)
from georet.geodesy import EARTH_RADIUS_M

DEGREE_M = EARTH_RADIUS_M * np.pi / 180
QUERY_LATLON = [[0, 0], [0, 10], [0, 179]]
REFERENCE_LATLON = [[0, 0], [0, 12], [1, 10], [0, -179]]
"""The best references are rows 0, 3 and 3: 0, 171 and 2 degrees away."""


@pytest.fixture
def ranking(query, reference):
    return rank_embeddings(
        query,
        reference,
        np.array([[0, 1, -1], [1, 3, -1], [1, 3, 0]]),
        query_latlon=QUERY_LATLON,
        reference_latlon=REFERENCE_LATLON,
        top_k=4,
    )


def test_ranks_count_references_with_a_greater_score_and_ties_for_the_method(ranking):
    assert ranking.rank.tolist() == [0, 2, 1]
    assert ranking.positive_ranks.tolist() == [0, 2, 1]
    assert ranking.offsets.tolist() == [0, 1, 2, 3]
    assert ranking.num_queries == 3
    assert ranking.num_references == 4


def test_the_best_references_come_first_and_of_equals_the_lower_row(ranking):
    assert ranking.top.tolist() == [[0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 1, 2]]
    assert ranking.top_score[2] == pytest.approx(np.array([4, 2, 2, 1]) / 5)


def test_recall_is_the_share_of_queries_with_a_rank_below_k(ranking):
    assert [recall_at(ranking, k) for k in (1, 2, 3)] == pytest.approx([100 / 3, 200 / 3, 100])


def test_semi_positives_count_against_recall_but_not_against_the_hit_rate(ranking):
    assert ranking.hit_rank.tolist() == [0, 1, 0]
    assert hit_rate(ranking) == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("rule", "counts"),
    [
        ("floor(R/100)", {4: 1, 100: 1, 900: 9, 8884: 88, 92802: 928}),
        ("floor(0.01R)+1", {4: 1, 100: 2, 900: 10, 8884: 89, 90618: 907}),
        ("round(0.01R)+1", {4: 1, 540: 6, 951: 11, 51355: 515}),
    ],
)
def test_one_percent_is_what_the_named_rule_says(rule, counts):
    assert {num: PERCENT_RULES[rule](num) for num in counts} == counts


def test_recall_at_one_percent_of_four_references_is_recall_at_one(ranking):
    assert recall_at_percent(ranking, "floor(R/100)") == recall_at(ranking, 1)


def test_average_precision_takes_trapezia_and_divides_by_all_queries(query, reference):
    ranking = rank_embeddings(query, reference, [[0, 2], [], [0, 1, 2]])
    assert ranking.positive_ranks.tolist() == [0, 2, 1, 2, 3]
    assert ranking.rank.tolist() == [0, -1, 1]
    first = ((1 + 1) / 2 + (2 / 3 + 1 / 2) / 2) / 2
    third = ((1 / 2 + 0) / 2 + (2 / 3 + 1 / 2) / 2 + (3 / 4 + 2 / 3) / 2) / 3
    assert average_precision(ranking) == pytest.approx(100 * (first + third) / 3)


def test_a_query_without_match_is_a_miss_everywhere(query, reference):
    for positives in ([[0], [], []], np.array([[0, -1], [-1, 2], [-1, -1]])):
        ranking = rank_embeddings(query, reference, positives)
        assert ranking.rank.tolist() == [0, -1, -1]
        assert recall_at(ranking, 4) == pytest.approx(100 / 3)
        assert hit_rate(ranking) == pytest.approx(100 / 3)
        assert average_precision(ranking) == pytest.approx(100 / 3)


@pytest.mark.parametrize("junk", [[3], np.array([False, False, False, True])])
def test_junk_leaves_the_ranking_but_still_counts_as_a_reference(query, reference, junk):
    ranking = rank_embeddings(query, reference, np.array([0, 1, 1]), junk=junk, top_k=4)
    assert ranking.rank.tolist() == [0, 1, 0]
    assert ranking.top.tolist() == [[0, 1, 2, -1], [2, 1, 0, -1], [0, 1, 2, -1]]
    assert ranking.top_score[:, 3].tolist() == [-np.inf] * 3
    assert ranking.num_references == 4


def test_a_junk_semi_positive_is_not_taken_off_twice(query, reference):
    ranking = rank_embeddings(query, reference, np.array([[0, 1], [1, 3], [1, 3]]), junk=[3])
    assert ranking.hit_rank.tolist() == [0, 1, 0]


def test_a_semi_positive_named_twice_is_taken_off_once(query, reference):
    ranking = rank_embeddings(query, reference, np.array([[0, 0, 0], [0, 3, 3], [2, 3, 3]]))
    assert ranking.rank.tolist() == [0, 3, 3]
    assert ranking.hit_rank.tolist() == [0, 2, 2]


def test_a_positive_named_twice_counts_once(query, reference):
    ranking = rank_embeddings(query, reference, [[0, 0], [3, 3, 3], [3]])
    assert ranking.positive_ranks.tolist() == [0, 0, 0]
    assert average_precision(ranking) == 100


def test_errors_run_along_the_great_circle_across_the_date_line(ranking):
    assert errors_m(ranking) == pytest.approx(np.array([0, 171, 2]) * DEGREE_M)
    assert within_m(ranking, 2.001 * DEGREE_M) == pytest.approx(200 / 3)
    assert within_m(ranking, 0) == pytest.approx(100 / 3)


def test_distances_are_named_by_their_limit(ranking):
    found = distances(ranking, (5, 1000, 500e3))
    assert found == pytest.approx(
        {
            "within_5m": 100 / 3,
            "within_1000m": 100 / 3,
            "within_500km": 200 / 3,
            "median_error_m": 2 * DEGREE_M,
            "p90_error_m": (2 + 0.8 * 169) * DEGREE_M,
        }
    )


def test_sdm_weights_the_best_places_by_their_nearness_in_degrees(ranking):
    weights, degrees = np.array([2, 1]), np.array([[0, 12], [171, 1], [2, 179]])
    expected = (np.exp(-0.1 * degrees) @ weights).mean() / 3
    assert sdm(ranking, 2, unit="degrees", decay=0.1) == pytest.approx(100 * expected)


def test_sdm_in_metres_counts_places_that_the_gallery_cannot_fill_as_infinitely_far(ranking):
    error_m = errors_m(ranking)
    assert sdm(ranking, 1, unit="metres", decay=1e-6) == pytest.approx(
        100 * np.exp(-1e-6 * error_m).mean()
    )
    weights = np.array([5, 4, 3, 2])
    degrees = np.array(
        [[0, 12, np.hypot(1, 10), 179], [171, 1, 2, 10], [2, 179, 167, np.hypot(1, 169)]]
    )
    expected = (np.exp(-0.1 * degrees) @ weights).mean() / 15
    assert sdm(ranking, 5, unit="degrees", decay=0.1) == pytest.approx(100 * expected)
