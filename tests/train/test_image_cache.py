"""A run that keeps its decoded images learns what it learns without."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("workers", [0, 2])
def test_losses_and_results_are_the_same_with_and_without_a_cache(start, tmp_path, workers):
    given = ["train.epochs=2", f"data.workers={workers}", "evaluate.every=1"]
    without = start("without", *given)
    first = start("first", *given, f"data.cache={tmp_path / 'kept'}")
    again = start("again", *given, f"data.cache={tmp_path / 'kept'}")
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert len(kept) >= 2
    for run_dir in (first, again):
        assert (run_dir / "events.jsonl").read_bytes() == (without / "events.jsonl").read_bytes()
