"""The comparison of methods: which are trained, and what the table says of the seeds."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return ``benchmarks/papers.py``."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "modern"))
    yield importlib.import_module("papers")
    for name in ("papers", "paired", "factors"):
        sys.modules.pop(name, None)


def cell(papers: ModuleType, method: str, seed: int, recall: float) -> dict[str, object]:
    metrics = {"recall@1": recall, "recall@10": 2 * recall}
    return {
        "method": method, "seed": seed, "steps": 668, "extra": [],
        "judged": dict.fromkeys(papers.Case(method, seed).views, metrics),
    }  # fmt: skip


def test_a_method_of_several_groups_is_judged_for_all_by_one_training(papers: ModuleType) -> None:
    assert papers.Case("sample4geo", 1).views == list(papers.VIEWS)
    assert papers.Case("lsh", 1).views == [papers.KNOWN]
    found = [cell(papers, name, 0, 10.0) for name in papers.METHODS]
    rows = papers.table(found)
    assert [row["group"] for row in rows if row["method"] == "sample4geo"] == [
        "heading", "fields", "fields", "fields", "mining",
    ]  # fmt: skip
    assert {(row["method"], row["judged"]) for row in rows if row["group"] == "heading"} == {
        (name, papers.KNOWN) for name in ("sample4geo", "orientation", "panobev")
    }


def test_differences_are_those_of_the_same_seed(papers: ModuleType) -> None:
    found = [cell(papers, "sample4geo", seed, value) for seed, value in enumerate([1, 2, 6])]
    found += [cell(papers, "panobev", seed, value) for seed, value in enumerate([4, 6, 11, 90])]
    base, row = (each for each in papers.table(found) if each["group"] == "heading")
    # 3, 4, 5: a mean of 4, a deviation of 1; Student's t for two degrees of freedom is 4.303.
    assert row["recall@1"]["differences"] == [3, 4, 5]
    assert row["recall@1"]["difference"] == 4
    assert row["recall@1"]["half"] == pytest.approx(4.303 / 3**0.5, abs=1e-3)
    assert row["recall@10"]["difference"] == 8
    assert row["seeds"] == [0, 1, 2, 3]
    assert "difference" not in base["recall@1"]
