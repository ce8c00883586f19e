"""How many threads a rank takes, when a probe has chosen for another number of ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from georet.run_layout import PROBE
from georet.train.device import threads_of


@pytest.mark.parametrize(
    ("threads", "probe", "local_ranks", "expected"),
    [
        (8, {"chosen": {"threads": 8}, "local_ranks": 1}, 1, 8),
        (8, {"chosen": {"threads": 8}, "local_ranks": 1}, 3, 2),
        (2, {"chosen": {"threads": 2}, "local_ranks": 4}, 1, 8),
        (1, {"chosen": {"threads": 1}, "local_ranks": 1}, 2, 1),
        (8, {"chosen": {"threads": 8}}, 2, 4),  # written before ranks were noted
        (8, {"chosen": {"threads": 8}, "threads_are_set": True, "local_ranks": 1}, 2, 8),
        (3, {"chosen": {"threads": 8}, "local_ranks": 1}, 2, 3),  # set since
        (3, None, 2, 3),
        ("auto", None, 2, None),
    ],
)
def test_ranks_share_the_threads_that_were_chosen_and_obey_those_that_were_set(
    tmp_path: Path,
    threads: int | str,
    probe: dict[str, Any] | None,
    local_ranks: int,
    expected: int | None,
) -> None:
    if probe is not None:
        (tmp_path / PROBE).write_text(json.dumps(probe))
    assert threads_of(threads, tmp_path, local_ranks) == expected
