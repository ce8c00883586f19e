"""The study's intervals: differences of the same seeds, and Student's t by a printed table."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks/modern"


@pytest.fixture
def paired(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("paired")
    for name in ("paired", "factors"):
        sys.modules.pop(name, None)


def cell(level, seed, recall, *, factor="rate", world="africa"):
    metrics = {"recall@1": recall, "recall@10": 90.0}
    return {
        "world": world, "factor": factor, "level": level, "seed": seed, "steps": 8,
        "metrics": metrics,
    }  # fmt: skip


def test_an_interval_is_students_t_of_the_seeds_differences(paired):
    # The table's quantile for five seeds is 2.776; the differences' deviation is sqrt(2.5).
    assert paired.half_width([1, 2, 3, 4, 5]) == pytest.approx(2.776 * (2.5 / 5) ** 0.5, abs=1e-3)
    assert paired.half_width([3.0]) is None


def test_a_level_is_compared_with_the_recipe_of_the_same_world_and_seed(paired):
    found = [
        cell("sample4geo", 0, 50.0, factor="sample4geo"),
        cell("sample4geo", 1, 60.0, factor="sample4geo"),
        cell("sample4geo", 0, 10.0, factor="sample4geo", world="city 3"),
        cell("2e-3", 1, 63.0),
        cell("2e-3", 0, 51.0),
        cell("2e-3", 2, 99.0),
    ]
    (row,) = [r for r in paired.rows(found) if r["level"] == "2e-3"]
    assert row["seeds"] == [0, 1, 2]
    assert row["recall@1"]["differences"] == [1.0, 3.0]
    assert row["recall@1"]["difference"] == 2.0
    assert row["recall@10"]["half"] == 0
    assert row["untouched"]


def test_what_has_one_thing_more_is_compared_with_what_lacks_it(paired):
    found = [
        cell("mixvpr", 0, 70.0, factor="aggregator"),
        cell("mixvpr", 1, 72.0, factor="aggregator"),
        cell("rate 2e-3", 0, 73.0, factor="mixvpr and"),
        cell("rate 2e-3", 2, 99.0, factor="mixvpr and"),
    ]
    (row,) = [r for r in paired.rows(found) if r["level"] == "rate 2e-3"]
    assert row["beside"] == {"differences": [3.0], "difference": 3.0, "half": None}
    assert "difference" not in row["recall@1"]
