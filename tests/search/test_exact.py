"""The exact index: nothing is missed, equals stand by row, and scores are exact."""

from __future__ import annotations

import numpy as np
import pytest

from georet.contracts.searching import Index
from georet.errors import DataError, UsageError
from georet.search.exact import ExactIndex
from georet.testing import check_index


def plain(world, k, region=None):
    scores = (world.queries.astype(np.float64) @ world.tiles.T.astype(np.float64)).astype(
        np.float32
    )
    if region is not None:
        scores[:, ~region] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.fixture
def index(small_world):
    index = ExactIndex()
    index.add(small_world.tiles, small_world.ids)
    return index


def test_it_keeps_the_contract_of_indexes():
    check_index(ExactIndex, num_rows=600, embed_dim=16)
    assert isinstance(ExactIndex(), Index)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, None])
def test_it_finds_what_sorting_all_scores_finds(index, small_world, share):
    region = None if share is None else small_world.box_of(share)
    assert np.array_equal(
        index.search(small_world.queries, 7, region)[1], plain(small_world, 7, region)
    )


def test_scores_are_cosines_rounded_once(index, small_world):
    scores, ids = index.search(small_world.queries, 3)
    rows = small_world.tiles[ids].astype(np.float64)
    query = small_world.queries.astype(np.float64)
    cosine = (rows * query[:, None]).sum(2) / np.linalg.norm(rows, axis=2)
    assert np.array_equal(scores, (cosine / np.linalg.norm(query, axis=1)[:, None]).astype("f4"))


def test_equal_rows_stand_in_the_order_of_their_rows(small_world):
    index = ExactIndex()
    index.add(np.repeat(small_world.tiles[:50], 3, axis=0), np.arange(150)[::-1])
    found = index.search(small_world.tiles[4:5], 4)[1]
    assert found[0, :3].tolist() == [137, 136, 135]


def test_more_than_there_are_gives_pads(index, small_world):
    scores, ids = index.search(small_world.queries, 405)
    assert (ids[:, 400:] == -1).all()
    assert (scores[:, 400:] == -np.inf).all()
    assert (np.sort(ids[:, :400], axis=1) == np.arange(400)).all()


def test_an_index_of_no_rows_finds_nothing():
    index = ExactIndex()
    index.add(np.empty((0, 4), np.float32), np.empty(0, np.int64))
    assert index.search(np.eye(4, dtype=np.float32), 2)[1].tolist() == [[-1, -1]] * 4


def test_embeddings_are_not_copied(index, small_world):
    assert index.rows.embeddings is small_world.tiles
    assert index.num_bytes == 0


def test_adding_in_two_parts_is_adding_at_once(index, small_world):
    parts = ExactIndex()
    for part in (slice(0, 150), slice(150, 400)):
        parts.add(small_world.tiles[part], small_world.ids[part])
    for a, b in zip(
        parts.search(small_world.queries, 9), index.search(small_world.queries, 9), strict=True
    ):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("embeddings", "ids", "what"),
    [
        (2 * np.eye(3), [0, 1, 2], "not of unit length"),
        (np.full((2, 3), np.nan), [0, 1], "NaN"),
        (np.eye(3), [0, 1], "ids have shape"),
        (np.eye(3), [0, 1, 1], "different"),
        (np.eye(3), [0, 1, -1], "below 0"),
    ],
)
def test_what_is_no_embedding_or_id_is_refused(embeddings, ids, what):
    with pytest.raises(DataError, match=what):
        ExactIndex().add(np.asarray(embeddings, np.float32), np.array(ids))


def test_a_wrong_call_says_what_was_wanted(index, small_world):
    with pytest.raises(UsageError, match="nothing was added"):
        ExactIndex().search(small_world.queries, 1)
    with pytest.raises(UsageError, match="k is 0"):
        index.search(small_world.queries, 0)
    with pytest.raises(UsageError, match=r"wanted bool\[400\]"):
        index.search(small_world.queries, 1, np.ones(3, np.bool_))
    with pytest.raises(DataError, match="8 dimensions"):
        index.search(np.eye(8, dtype=np.float32), 1)
