"""Queries that are averaged before they are ranked, and sets that embed by other views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.errors import DataError
from georet.evaluate.evaluator import evaluate_sets, num_images, summary, write_result
from georet.types import EvaluationSet, ImageTable

VECTORS = {
    "a1": (1.0, 0.0),
    "a2": (0.0, 1.0),
    "b1": (0.0, 1.0),
    "A": (0.8, 0.6),
    "B": (0.6, 0.8),
    "C": (1.0, 0.0),
}


class FakeEmbedder:
    """Embeds an image as the vector of its name, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = {}

    def table(self, view: str, table: ImageTable, *_: Any, **__: Any) -> np.ndarray:
        names = [path.stem for path in table.paths]
        self.asked.setdefault(view, []).extend(names)
        return np.array([VECTORS[name] for name in names], np.float32)


def table(*names: str) -> ImageTable:
    return ImageTable(names, [Path(f"{name}.jpg") for name in names])


def evaluation(**more: Any) -> EvaluationSet:
    positives = [[1], [0], [1]]
    return EvaluationSet(table("b1", "a1", "a2"), table("A", "B", "C"), positives, "recall", **more)


def test_queries_of_a_group_are_ranked_as_their_mean():
    grouped = evaluation(group=["b", "a", "a"])
    result = evaluate_sets(FakeEmbedder(), {"multi": grouped}, top_k=3)["multi"]  # type: ignore[arg-type]
    # a: mean (.5, .5): A and B tie at .99, C .71; the tie counts. b: B .8 before A .6.
    assert result.ranking.rank.tolist() == [0, 0]
    assert result.ranking.top[0, 2] == 2
    assert result.metrics["recall@1"] == 100


def test_without_groups_the_same_queries_are_ranked_one_by_one():
    result = evaluate_sets(FakeEmbedder(), {"each": evaluation()}, top_k=3)["each"]  # type: ignore[arg-type]
    assert result.ranking.rank.tolist() == [0, 1, 0]


def test_a_group_is_shown_by_its_first_query():
    shown = evaluation(group=["b", "a", "a"]).one_a_group()
    assert list(shown.queries.ids) == ["a1", "b1"]
    assert shown.positives == [[0], [1]]
    table_of_positives = EvaluationSet(
        table("b1", "a1", "a2"), table("A", "B"), np.array([[1], [0], [0]]), "recall",
        group=["b", "a", "a"],
    )  # fmt: skip
    assert table_of_positives.one_a_group().positives.tolist() == [[0], [1]]  # type: ignore[union-attr]


def test_results_of_groups_count_groups(tmp_path):
    grouped = evaluation(group=["b", "a", "a"])
    result = evaluate_sets(FakeEmbedder(), {"multi": grouped}, top_k=3)["multi"]  # type: ignore[arg-type]
    assert summary("multi", grouped, result, {})["num_queries"] == 2
    write_result(tmp_path, "multi", grouped, result, {})
    with np.load(tmp_path / "multi.npz") as saved:
        assert saved["positive"].tolist() == [0, 1]


def test_groups_of_the_wrong_number_are_refused():
    with pytest.raises(DataError, match="3 embeddings"):
        evaluate_sets(FakeEmbedder(), {"multi": evaluation(group=["a", "b"])}, top_k=3)  # type: ignore[arg-type]


def test_a_set_may_search_queries_views_for_references():
    forward = evaluation()
    back = EvaluationSet(
        table("A", "B"), table("a1", "a2", "b1"), [[0, 1], [2]], "recall",
        query_view="reference", gallery_view="query",
    )  # fmt: skip
    embedder = FakeEmbedder()
    results = evaluate_sets(embedder, {"d2s": forward, "s2d": back}, top_k=3)  # type: ignore[arg-type]
    assert {view: sorted(names) for view, names in embedder.asked.items()} == {
        "query": ["a1", "a2", "b1"],
        "reference": ["A", "B", "C"],
    }
    assert num_images({"d2s": forward, "s2d": back}) == 6
    assert results["s2d"].ranking.rank.tolist() == [0, 0]
    assert results["d2s"].ranking.rank.tolist() == [0, 1, 0]
