"""Extra metrics, the lint of figures, and the mean embedding of an id."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError, PluginError
from georet.evaluate import evaluate_embeddings, lint, mean_by_id, metrics_of, rank_embeddings

POSITIVES = np.array([0, 1, 1])


@pytest.fixture
def ranking(query, reference):
    return rank_embeddings(query, reference, POSITIVES)


def median_rank(ranking):
    return {"median_rank": np.median(ranking.rank)}


def test_a_metric_of_a_plugin_stands_beside_those_of_the_protocol(query, reference):
    found = evaluate_embeddings(
        query, reference, POSITIVES, protocol="cvusa", extra_metrics=[median_rank]
    )
    assert found["median_rank"] == 1.0
    assert type(found["median_rank"]) is float


def test_a_metric_may_not_take_another_ones_name(ranking):
    def recall(ranking):
        return {"recall@1": 100.0}

    with pytest.raises(PluginError, match="metric 'recall' returns 'recall@1', which protocol"):
        metrics_of(ranking, "cvusa", [recall])
    with pytest.raises(PluginError, match="metric 'median_rank' returns 'median_rank'"):
        metrics_of(ranking, "cvusa", [median_rank, median_rank])


def test_an_extra_metric_sees_as_many_references_as_asked_for(query, reference):
    def width(ranking):
        return {"width": ranking.top.shape[1]}

    found = evaluate_embeddings(
        query, reference, POSITIVES, protocol="cvusa", top_k=3, extra_metrics=[width]
    )
    assert found["width"] == 3


@pytest.mark.parametrize("name", ["cvusa", "vigor-same", "university-1652/d2s"])
def test_true_figures_pass_the_lint(ranking, name):
    assert lint(metrics_of(ranking, name), ranking) == []


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"recall@1": 50.0, "recall@5": 49.0, "recall@10": 60.0}, "recall@1 is 50.0000, more than"),
        ({"recall@5": 50.0, "recall@10": 49.0}, "recall@5 is 50.0000, more than recall@10"),
        ({"recall@1": 50.0, "recall@10": 49.0}, "recall@1 is 50.0000, more than recall@10"),
        ({"recall@1": 50.0, "hit_rate": 49.0}, "recall@1 is 50.0000, more than hit_rate"),
        ({"recall@1": 40.0, "ap": 39.0}, "ap must lie in 40.0000..55.0000"),
        ({"recall@1": 40.0, "ap": 55.1}, "ap must lie in 40.0000..55.0000"),
        ({"ap": float("nan")}, "ap is nan"),
    ],
)
def test_the_lint_names_what_cannot_be(ranking, metrics, words):
    (found,) = lint(metrics, ranking)
    assert words in found


def test_with_many_positives_ap_may_fall_below_recall(query, reference):
    ranking = rank_embeddings(query, reference, [[0, 3], [3, 0], [3, 2]])
    metrics = metrics_of(ranking, "university-1652/s2d")
    assert metrics["ap"] < metrics["recall@1"] == 100
    assert lint(metrics, ranking) == []


def test_ap_of_one_positive_reaches_the_bounds_of_the_lint(query, reference):
    ranking = rank_embeddings(query, reference, np.array([0, 3, 0]))
    metrics = metrics_of(ranking, "university-1652/d2s")
    assert metrics["recall@1"] == pytest.approx(200 / 3)
    assert metrics["ap"] == pytest.approx(200 / 3 + 100 / 3 / 4)
    assert lint(metrics, ranking) == []


def test_the_mean_of_an_id_weighs_its_images_alike():
    embeddings = np.array([[0, 9, 0], [2, 0, 0], [0, 0, 5], [0, 0.5, 0]])
    means, ids = mean_by_id(embeddings, ["b", "a", "b", "a"])
    assert ids.tolist() == ["a", "b"]
    assert means.tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert means.dtype == np.float32


def test_a_building_seen_from_many_sides_is_found_by_its_mean():
    rng = np.random.default_rng(0)
    tiles = rng.standard_normal((20, 16))
    ids = np.repeat(np.arange(20), 30)
    drone = tiles[ids] + 3 * rng.standard_normal((600, 16))
    means, names = mean_by_id(drone, ids)
    assert names.tolist() == list(range(20))
    single = evaluate_embeddings(drone, tiles, ids, protocol="university-1652/d2s")
    multi = evaluate_embeddings(means, tiles, names, protocol="university-1652/multi")
    assert multi["ap"] > single["ap"] + 20


def test_ids_must_be_as_many_as_embeddings():
    with pytest.raises(DataError, match="ids have shape \\[2\\], there are 3 embeddings"):
        mean_by_id(np.ones((3, 2)), [1, 2])
