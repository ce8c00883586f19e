"""Score fields: which tiles are weighed, and what belief they get."""

from __future__ import annotations

import numpy as np
import pytest

from georet.gallery.mapped import InMemory
from georet.locate.field import Field, best_of, heat_of, score_blocks


def test_the_best_tiles_come_first_and_equals_in_order_of_rows():
    merits = np.array([0.1, 0.9, 0.5, 0.9, -0.2], np.float32)
    field = best_of(merits, None, 3)
    assert field.rows.tolist() == [1, 3, 2]
    assert field.merits.tolist() == pytest.approx([0.9, 0.9, 0.5])


def test_only_allowed_tiles_contend():
    merits = np.arange(10, dtype=np.float32)
    allowed = merits < 4
    assert best_of(merits, allowed, 20).rows.tolist() == [3, 2, 1, 0]


def test_belief_sums_to_one_and_follows_the_merits():
    field = Field(np.arange(3), np.array([0.9, 0.8, 0.1], np.float32))
    belief = field.belief(20.0, stray=0.03)
    assert belief.sum() == pytest.approx(1)
    assert belief[0] > belief[1] > belief[2] >= 0.01
    assert field.belief(20.0)[0] / field.belief(20.0)[1] == pytest.approx(np.exp(2), rel=1e-5)


def test_the_summed_embedding_gives_the_summed_log_beliefs():
    rng = np.random.default_rng(0)
    tiles = rng.normal(size=(50, 8)).astype(np.float32)
    photos = rng.normal(size=(3, 8)).astype(np.float32)
    together = next(score_blocks(photos.sum(axis=0, keepdims=True), InMemory(tiles)))[1][0]
    apart = next(score_blocks(photos, InMemory(tiles)))[1].sum(axis=0)
    assert together == pytest.approx(apart, abs=1e-5)


def test_blocks_cover_all_queries_once(monkeypatch):
    monkeypatch.setattr("georet.locate.field._BLOCK", 25)
    queries, tiles = np.eye(7, dtype=np.float32), np.eye(7, dtype=np.float32)[:5]
    starts, blocks = zip(*score_blocks(queries, InMemory(tiles)), strict=True)
    assert starts == (0, 5)
    assert np.array_equal(np.concatenate(blocks), queries @ tiles.T)


def test_heat_is_one_at_the_best_tile_and_zero_outside():
    merits = np.array([0.5, 0.7, 0.9], np.float32)
    allowed = np.array([True, True, False])
    heat = heat_of(merits, allowed, 10.0)
    assert heat.tolist() == pytest.approx([np.exp(-2), 1, 0])
    assert heat.dtype == np.float32
