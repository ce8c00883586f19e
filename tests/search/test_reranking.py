"""Asking a re-ranker: what it gets, what it may answer, and what its failure costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.blame import Maker, mark
from georet.contracts.searching import Reranked
from georet.errors import ComponentError, DataError, IntegrityError, Interrupted
from georet.search.reranking import reordering_of

FILES = [Path("a"), Path("b"), Path("c")]
MAKER = Maker("rerankers", "mine:odd", "plugin 'mine' (georet-mine 1.2)")


class Answering:
    """A re-ranker that gives one answer."""

    max_candidates = 10

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, query, candidates):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def asked(answer, *, is_marked=True):
    reranker = Answering(answer)
    if is_marked:
        mark(reranker, MAKER)
    return reordering_of(reranker, Path("photo"), FILES, never)


def never():
    raise AssertionError("nobody asked for a context")


def test_a_bare_order_is_enough():
    found = asked(np.array([2, 0, 1]))
    assert (found.order.tolist(), found.scores, found.reason) == ([2, 0, 1], None, "")
    assert found.is_changed


def test_an_order_may_be_a_list():
    assert asked([1, 0, 2]).order.tolist() == [1, 0, 2]


def test_scores_stay_with_their_candidates():
    found = asked(Reranked(np.array([2, 0, 1]), np.array([5.0, 1.0, 9.0]), "most matches"))
    assert [found.score_at(place) for place in range(4)] == [9, 5, 1, None]
    assert found.reason == "most matches"


def test_without_an_order_candidates_stay_as_they_are():
    found = asked(Reranked(None, reason="too few matches"))
    assert found.order.tolist() == [0, 1, 2]
    assert not found.is_changed
    assert not found.failed


def test_one_that_names_a_context_gets_it():
    class Curious(Answering):
        def __call__(self, query, candidates, *, context):
            return Reranked(None, reason=str(context))

    found = reordering_of(Curious(None), Path("photo"), FILES, lambda: "all of it")
    assert found.reason == "all of it"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("no luck"), "re-ranking raised RuntimeError: no luck"),
        (DataError("is torn", where="a.tif"), "a.tif .*mine:odd.*: is torn"),
        (SystemExit(3), "re-ranking called sys.exit"),
    ],
)
def test_what_it_raises_keeps_the_order_and_names_plugin_and_distribution(error, said):
    found = asked(error)
    assert found.failed
    assert found.order.tolist() == [0, 1, 2]
    import re

    assert re.search(said, found.reason)
    assert "mine:odd" in found.reason
    assert "georet-mine 1.2" in found.reason


def test_what_one_made_by_hand_raises_is_told_without_a_name():
    found = asked(RuntimeError("no luck"), is_marked=False)
    assert found.reason == "RuntimeError: no luck"


@pytest.mark.parametrize("error", [Interrupted("stop"), IntegrityError("changed")])
def test_what_must_end_the_batch_does(error):
    with pytest.raises(type(error)):
        asked(error)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [0, 0, 1],
        [0, 1],
        [0, 1, 3],
        "best first",
        Reranked(np.array([0, 1, 2]), np.array([1.0])),
    ],
)
def test_what_is_no_order_is_the_components_fault(answer):
    with pytest.raises(ComponentError) as caught:
        asked(answer)
    assert "mine:odd" in str(caught.value)
    assert "georet-mine 1.2" in str(caught.value)
