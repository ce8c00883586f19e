"""Sets that rank by the summed cosines of several pairs of views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.errors import DataError
from georet.evaluate.evaluator import evaluate_sets
from georet.types import EvaluationSet, ImageTable, ViewPair

NUM = 25


class FakeEmbedder:
    """Embeds an image as unit noise that its view and its name decide."""

    def table(self, view: str, table: ImageTable, *_: Any, **__: Any) -> np.ndarray:
        return np.stack([vector(view, path.stem) for path in table.paths])


def vector(view: str, name: str) -> np.ndarray:
    place = int(name[1:])
    truth = np.random.default_rng([place, view.startswith("b")]).normal(size=8)
    noise = np.random.default_rng([place, len(view), ord(view[0])]).normal(size=8)
    found = truth + noise
    return (found / np.linalg.norm(found)).astype(np.float32)


def table(letter: str, num: int = NUM) -> ImageTable:
    names = [f"{letter}{at}" for at in range(num)]
    return ImageTable(names, [Path(f"{name}.jpg") for name in names], name=letter)


def evaluation(**more: Any) -> EvaluationSet:
    return EvaluationSet(table("q"), table("r"), np.arange(NUM)[:, None], "recall", **more)


def judged(which: EvaluationSet):
    return evaluate_sets(FakeEmbedder(), {"set": which}, top_k=5)["set"]  # type: ignore[arg-type]


def side(view: str, letter: str) -> np.ndarray:
    return np.stack([vector(view, f"{letter}{at}") for at in range(NUM)])


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_references_are_ranked_by_the_weighted_mean_of_all_cosines(weight):
    pair = ViewPair("bev", "b-tile", table("b"), weight=weight)
    found = judged(evaluation(summed=[pair]))
    street = side("query", "q") @ side("reference", "r").T
    bev = side("bev", "b") @ side("b-tile", "r").T
    total = (street + weight * bev) / (1 + weight)
    assert found.ranking.top[:, 0].tolist() == total.argmax(axis=1).tolist()
    assert found.ranking.top_score[:, 0] == pytest.approx(total.max(axis=1), abs=1e-5)
    assert found.metrics["recall@1"] == 100 * np.mean(total.argmax(axis=1) == np.arange(NUM))
    alone = judged(evaluation())
    assert found.metrics["recall@1"] > alone.metrics["recall@1"]


def test_images_are_shown_again_where_a_pair_names_no_others():
    twice = judged(evaluation(summed=[ViewPair("query", "reference")]))
    once = judged(evaluation())
    assert np.array_equal(twice.ranking.top[:, 0], once.ranking.top[:, 0])
    assert twice.ranking.top_score == pytest.approx(once.ranking.top_score, abs=1e-6)


def test_a_group_counts_as_much_in_each_pair():
    group = [str(at // 5) for at in range(NUM)]
    which = evaluation(summed=[ViewPair("bev", "b-tile", table("b"))], group=group)
    found = judged(which)
    means = []
    for view, letter in (("query", "q"), ("bev", "b")):
        mean = side(view, letter).reshape(5, 5, -1).mean(axis=1)
        means.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    total = means[0] @ side("reference", "r").T + means[1] @ side("b-tile", "r").T
    assert found.ranking.top[:, 0].tolist() == total.argmax(axis=1).tolist()


def test_tables_of_other_lengths_are_refused():
    pair = ViewPair("bev", "b-tile", table("b", NUM - 1))
    with pytest.raises(DataError, match="view 'bev' has 24 images, the set's own table 25"):
        judged(evaluation(summed=[pair]))


def test_weights_below_zero_are_refused():
    with pytest.raises(DataError, match="wanted numbers above 0"):
        judged(evaluation(summed=[ViewPair("query", "reference", weight=-1.0)]))


def test_a_metric_sees_the_tables_and_the_name_of_the_set():
    seen = {}

    def metric(ranking):
        seen.update(name=ranking.name, ids=list(ranking.queries.ids))
        altitude = ranking.queries.columns["altitude_m"]
        found = ranking.rank == 0
        right = ranking.gallery.columns["kind"][ranking.positives]
        return {"low@1": 100 * found[altitude < 10].mean(), "odd": 100 * (right == 1).mean()}

    which = evaluation()
    queries = replace(which.queries, columns={"altitude_m": np.arange(NUM)})
    gallery = replace(which.gallery, columns={"kind": np.arange(NUM) % 2})
    which = replace(which, queries=queries, gallery=gallery)
    result = evaluate_sets(FakeEmbedder(), {"mine": which}, top_k=5, metrics=[metric])["mine"]  # type: ignore[arg-type]
    assert seen == {"name": "mine", "ids": [f"q{at}" for at in range(NUM)]}
    expected = 100 * (result.ranking.rank[:10] == 0).mean()
    assert result.metrics["low@1"] == pytest.approx(expected)
    assert result.metrics["odd"] == pytest.approx(48)
