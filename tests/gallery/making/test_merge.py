"""Joining galleries: all rows in order, one encoder, ids told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError, IntegrityError, UsageError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.gallery.making.merge import merge_galleries
from georet.gallery.verify import verify_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("merge")
    north = DrawnTiles(23, prefix="north", bad=(4,))
    south = DrawnTiles(14, prefix="south", corner_latlon=(10.0, 7.0), seed=1)
    settings = {"shard_size": 10, "bad_tile_quota": 0.1}
    build_gallery(north, PixelSpec(), folder / "north", **settings)
    build_gallery(south, PixelSpec(), folder / "south", thumbnails=False, **settings)
    return [folder / "north", folder / "south"]


def test_rows_embeddings_and_thumbnails_follow_one_another(
    parts: list[Path], tmp_path: Path
) -> None:
    both = Gallery.open(merge_galleries(parts, tmp_path / "both", shard_size=16))
    north, south = (Gallery.open(path) for path in parts)
    assert list(both.tiles.ids) == [*north.tiles.ids, *south.tiles.ids]
    assert np.array_equal(both.embeddings, np.concatenate([north.embeddings, south.embeddings]))
    assert np.array_equal(both.tiles.latlon[22:], south.tiles.latlon)
    assert both.thumbnail(21) == north.thumbnail(21)
    assert both.thumbnail(22) is None
    assert both.encoder == north.encoder
    assert len(both.manifest["shards"]) == 3
    assert verify_gallery(tmp_path / "both").faults == ()


def test_an_id_in_two_galleries_is_refused_by_default(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has a tile 'north-00000'") as caught:
        merge_galleries([parts[0], parts[1], parts[0]], tmp_path / "both")
    assert "--duplicates" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_duplicates_are_left_out_or_told_apart(parts: list[Path], tmp_path: Path) -> None:
    twice = [parts[1], parts[1]]
    once = Gallery.open(merge_galleries(twice, tmp_path / "first", duplicates="first"))
    assert list(once.tiles.ids) == list(Gallery.open(parts[1]).tiles.ids)
    kept = Gallery.open(merge_galleries(twice, tmp_path / "suffix", duplicates="suffix"))
    assert kept.tiles.ids[13:15] == ["south-00013", "south-00000@2"]
    assert np.array_equal(kept.embeddings[14:], kept.embeddings[:14])
    with pytest.raises(UsageError, match="no way 'both'"):
        merge_galleries(twice, tmp_path / "both", duplicates="both")


def test_another_encoder_is_refused_with_both_hashes(parts: list[Path], tmp_path: Path) -> None:
    build_gallery(DrawnTiles(5, prefix="x"), PixelSpec(seed=0xAB), tmp_path / "other")
    with pytest.raises(UsageError, match="0000000000000000") as caught:
        merge_galleries([parts[0], tmp_path / "other"], tmp_path / "both")
    assert str(tmp_path / "other") in str(caught.value)
    assert "Build one of them again" in str(caught.value.hint)


def test_shards_of_no_tiles_are_refused(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--shard-size: 0 is too small"):
        merge_galleries(parts, tmp_path / "both", shard_size=0)


def test_storage_can_be_changed(parts: list[Path], tmp_path: Path) -> None:
    small = Gallery.open(merge_galleries(parts[1:], tmp_path / "small", storage="int8"))
    exact = Gallery.open(parts[1]).embeddings
    assert 0 < np.abs(small.embeddings - exact).max() < 1e-2
    mixed = Gallery.open(merge_galleries([parts[0], tmp_path / "small"], tmp_path / "mixed"))
    assert mixed.manifest["settings"]["storage"] == "fp32"
    assert np.array_equal(mixed.embeddings[22:], small.embeddings)


def test_a_harmed_shard_is_not_merged(parts: list[Path], tmp_path: Path) -> None:
    path = parts[0] / "shards/part-00001.parquet"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        with pytest.raises(IntegrityError, match=r"part-00001\.parquet"):
            merge_galleries(parts, tmp_path / "both")
    finally:
        path.write_bytes(before)
    assert list(tmp_path.iterdir()) == []
