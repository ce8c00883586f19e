"""``check_reranker`` passes what keeps the contract, and says what is wrong with the rest."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from georet.contracts.searching import Reranked
from georet.errors import ComponentError
from georet.testing import check_reranker


class Best:
    """Compares the middle of the photo with every place in a tile."""

    max_candidates = 10

    def __call__(self, query, candidates):
        middle = cv2.imread(str(query))[60:-60, 60:-60]
        tiles = [cv2.imread(str(path)) for path in candidates]
        fits = [cv2.matchTemplate(tile, middle, cv2.TM_CCOEFF_NORMED).max() for tile in tiles]
        return np.argsort(-np.array(fits), kind="stable")


class WithContext(Best):
    def __call__(self, query, candidates, context):
        order = super().__call__(query, candidates)
        assert context.embeddings @ context.embedding == pytest.approx(context.scores, abs=1e-6)
        return Reranked(order, reason="by correlation")


@pytest.mark.parametrize("make", [Best, WithContext])
def test_one_that_keeps_the_contract_passes(make):
    check_reranker(make)


class Keeps(Best):
    def __call__(self, query, candidates):
        return Reranked(None, reason="saw nothing")


def test_one_that_judges_by_something_else_need_not_find_the_place():
    check_reranker(Keeps, finds_place=False)


class Endless(Best):
    max_candidates = None


class Worst(Best):
    def __call__(self, query, candidates):
        return super().__call__(query, candidates)[::-1]


class Random(Best):
    def __call__(self, query, candidates):
        if len(candidates) < 3:
            return np.arange(len(candidates))
        rest = np.random.default_rng().permutation([0, *range(2, len(candidates))])
        return np.concatenate([[1], rest])


class NeedsTwo(Best):
    def __call__(self, query, candidates):
        assert len(candidates) > 1, "nothing to compare"
        return super().__call__(query, candidates)


class Scribbles(Best):
    def __call__(self, query, candidates):
        order = super().__call__(query, candidates)
        query.write_bytes(query.read_bytes() + b" ")
        return order


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Endless, "max_candidates is None"),
        (Worst, "the photo shows candidate 1"),
        (Random, "asked twice, the orders differ"),
        (NeedsTwo, "with 1 candidates it raised AssertionError: nothing to compare"),
        (Scribbles, "changes the files"),
    ],
)
def test_what_breaks_the_contract_is_named(make, said):
    with pytest.raises(AssertionError, match=said):
        check_reranker(make)


def test_what_is_no_order_is_named():
    class Few(Best):
        def __call__(self, query, candidates):
            return [0]

    with pytest.raises(ComponentError, match="as the order of 5 candidates"):
        check_reranker(Few)
