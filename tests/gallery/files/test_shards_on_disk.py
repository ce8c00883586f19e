"""What is written of tiles and embeddings, and what other programs read there."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.testing.drawn_tiles import DrawnTiles
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable

IDENTITY = PixelSession(embed_dim=64, view="reference").identity


def unit(num: int, size: int = 64, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(num, size)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def box(west: float, south: float, east: float, north: float) -> np.ndarray:
    return np.array([[north, west], [north, east], [south, east], [south, west]], np.float64)


def table(corners: np.ndarray) -> TileTable:
    ids = [str(row) for row in range(len(corners))]
    return TileTable(ids, corners.mean(axis=1), corners, np.ones(len(corners)))


@pytest.fixture(scope="module", params=["fp32", "fp16", "int8"])
def shard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    corners = np.stack([box(7, 46, 7.1, 46.1), box(179.9, -10, 180.1, -9.8)])
    out = tmp_path_factory.mktemp("store") / "g"
    Gallery.from_arrays(out, table(corners), unit(2), IDENTITY, [b"jpeg", None], request.param)
    return out / "shards/part-00000.parquet"


def test_a_shard_is_geoparquet(shard: Path) -> None:
    read = pq.read_table(shard)
    geo = json.loads(read.schema.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon", "MultiPolygon"]
    assert "crs" not in column, "the default is OGC:CRS84"
    assert column["bbox"] == [-180.0, -10.0, 180.0, 46.1]
    one, two = shapely.from_wkb(read["geometry"].to_pylist())
    assert one.equals(shapely.box(7, 46, 7.1, 46.1))
    assert shapely.is_ccw(one.exterior)
    parts = shapely.MultiPolygon(
        [shapely.box(-180, -10, -179.9, -9.8), shapely.box(179.9, -10, 180, -9.8)]
    )
    assert two.symmetric_difference(parts).area < 1e-9


def test_a_shard_has_a_row_a_tile_with_id_place_and_size(shard: Path) -> None:
    read = pq.read_table(shard)
    assert read["id"].to_pylist() == ["0", "1"]
    assert read["row"].to_pylist() == [0, 1]
    assert read["latitude"].to_pylist() == pytest.approx([46.05, -9.9])
    assert read["side_m"].to_pylist() == [1.0, 1.0]
    assert read["thumbnail"].to_pylist() == [b"jpeg", None]
    kind = read["embedding"].type
    is_int8 = "scale" in read.column_names
    assert str(kind) == "fixed_size_binary[64]" if is_int8 else kind.list_size == 64


def test_rows_stay_in_order_over_shards(tmp_path: Path) -> None:
    tiles, embeddings = DrawnTiles(25).tiles(), unit(25)
    pictures = [f"{row}".encode() for row in range(25)]
    gallery = Gallery.from_arrays(
        tmp_path / "g", tiles, embeddings, IDENTITY, pictures, shard_size=10
    )
    assert len(gallery.manifest["shards"]) == 3
    assert np.array_equal(gallery.embeddings, embeddings)
    assert list(gallery.tiles.ids) == list(tiles.ids)
    assert np.array_equal(gallery.tiles.corners_latlon, tiles.corners_latlon)
    assert [gallery.thumbnail(row) for row in (0, 9, 10, 24)] == [b"0", b"9", b"10", b"24"]


def test_embeddings_that_are_not_of_unit_length_are_refused(tmp_path: Path) -> None:
    tiles = DrawnTiles(3).tiles()
    for wrong in (2 * unit(3), unit(3) * np.float32(np.nan), unit(3, 32)):
        with pytest.raises(DataError):
            Gallery.from_arrays(tmp_path / "g", tiles, wrong, IDENTITY)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        Gallery.from_arrays(tmp_path, DrawnTiles(3).tiles(), unit(3), IDENTITY)


def test_thumbnails_are_small_jpegs_of_the_tile() -> None:
    from PIL import Image

    from georet.gallery.making.reading import thumbnail

    tile = np.zeros((50, 300, 3), np.uint8)
    tile[..., 0] = 250
    with Image.open(io.BytesIO(thumbnail(tile))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (96, 16))
        assert picture.getpixel((50, 8))[0] > 240
        assert picture.getpixel((50, 8))[2] < 10
    with Image.open(io.BytesIO(thumbnail(tile[:20, :30]))) as picture:
        assert picture.size == (30, 20)
