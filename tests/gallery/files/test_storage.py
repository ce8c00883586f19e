"""How embeddings are stored, and how near the stored values are."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import UsageError
from georet.gallery.files.parquet import shard_bytes
from georet.gallery.files.storage import from_stored, to_stored
from georet.tiles.table import TileTable


def unit(num: int, size: int = 64, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(num, size)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def box(west: float, south: float, east: float, north: float) -> np.ndarray:
    return np.array([[north, west], [north, east], [south, east], [south, west]], np.float64)


def table(corners: np.ndarray) -> TileTable:
    ids = [str(row) for row in range(len(corners))]
    return TileTable(ids, corners.mean(axis=1), corners, np.ones(len(corners)))


def test_fp32_comes_back_bit_by_bit() -> None:
    embeddings = unit(50)
    assert np.array_equal(from_stored(to_stored(embeddings, "fp32")[0]), embeddings)


@pytest.mark.parametrize(("storage", "most"), [("fp16", 5e-4), ("int8", 1e-2)])
def test_smaller_storage_is_close_and_of_unit_length(storage: str, most: float) -> None:
    embeddings = unit(200)
    back = from_stored(to_stored(embeddings, storage)[0])
    assert np.abs(back - embeddings).max() < most
    assert np.abs(np.linalg.norm(back, axis=1) - 1).max() < 1e-6


def test_int8_holds_levels_and_a_scale_that_give_the_values_back() -> None:
    embeddings = unit(20)
    levels, scale = to_stored(embeddings, "int8")
    assert levels.dtype == np.int8
    assert scale is not None
    assert np.abs(levels).max(axis=1).tolist() == [127] * 20
    assert np.abs(levels * scale[:, None] - embeddings).max() <= scale.max() / 2 + 1e-7


def test_int8_keeps_the_best_neighbour_of_nearly_every_query() -> None:
    embeddings, queries = unit(3000, seed=1), unit(300, seed=2)
    exact = (queries @ embeddings.T).argmax(axis=1)
    stored = (queries @ from_stored(to_stored(embeddings, "int8")[0]).T).argmax(axis=1)
    assert (exact == stored).mean() > 0.93


def test_a_value_takes_four_two_or_one_bytes() -> None:
    corners = np.repeat(box(7, 46, 7.1, 46.1)[None], 4000, axis=0)
    rows, embeddings = np.arange(4000), unit(4000, 256)
    sizes = [
        len(shard_bytes(rows, table(corners), embeddings, None, storage=storage))
        for storage in ("fp32", "fp16", "int8")
    ]
    wanted = [4000 * 256 * width for width in (4, 2, 1)]
    assert sizes == pytest.approx(wanted, rel=0.1)


def test_an_unknown_storage_is_refused() -> None:
    with pytest.raises(UsageError, match="no storage 'int4'"):
        to_stored(unit(1), "int4")
