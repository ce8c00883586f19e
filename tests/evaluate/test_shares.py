"""Queries shared by ranks come to the ranking of one process, to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.errors import DataError
from georet.evaluate.shares import ranked_by
from georet.ranks.world import ALONE, Ranks
from georet.types import EvaluationSet, ImageTable

NUM, GALLERY = 7, 300


class Together(Ranks):
    """Several ranks, of which this process does the work one after another."""

    def __init__(self, size: int) -> None:
        self.size = size

    def by_share(self, num: int, work: Callable[[slice], Any], *, is_even: bool = True) -> Any:
        del is_even
        parts = [self.slots(num, rank) for rank in range(self.size)]
        return [work(part) for part in parts if part.stop > part.start]


def table(name: str, num: int, draw: np.random.Generator) -> ImageTable:
    paths = [Path(f"{name}-{i}") for i in range(num)]
    return ImageTable(list(map(str, paths)), paths, 47 + draw.random((num, 2)) / 1000)


def judged(draw: np.random.Generator, **changes: Any) -> EvaluationSet:
    given = {
        "queries": table("query", NUM, draw),
        "gallery": table("tile", GALLERY, draw),
        "positives": draw.integers(-1, GALLERY, (NUM, 3)),
        "protocol": "cvusa",
    }
    return EvaluationSet(**(given | changes))


LISTS = [[4, 9], [], [0], [1, 2, 3, 250], [299], [7], [7, 8]]


@pytest.mark.parametrize("size", [2, 3, 5, 9])
@pytest.mark.parametrize(
    "changes",
    [{}, {"positives": LISTS}, {"positives": LISTS, "junk": np.array([5, 6, 298])}],
    ids=["semi-positives", "lists", "junk"],
)
def test_shares_of_queries_rank_like_all_of_them(size: int, changes: dict[str, Any]) -> None:
    draw = np.random.default_rng(size)
    which = judged(draw, **changes)
    reference = draw.standard_normal((GALLERY, 48)).astype(np.float32)
    reference[1::2] = reference[::2]  # ties, that the row decides
    query = (reference[:NUM] + draw.standard_normal((NUM, 48)) / 9).astype(np.float32)
    whole, shared = (ranked_by(r, which, query, reference, 10) for r in (ALONE, Together(size)))
    for each in fields(whole):
        one, other = getattr(whole, each.name), getattr(shared, each.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes(), each.name
        else:
            assert one is other or one == other, each.name
    assert len(set(whole.rank.tolist())) > 2


def test_a_set_without_queries_is_refused_by_ranks_as_by_one_process() -> None:
    draw = np.random.default_rng(0)
    which = judged(draw, queries=table("query", 0, draw), positives=np.zeros((0, 1), np.int64))
    nothing, reference = np.zeros((0, 4), np.float32), np.ones((GALLERY, 4), np.float32)
    with pytest.raises(DataError, match="there are no queries"):
        ranked_by(Together(2), which, nothing, reference, 10)
