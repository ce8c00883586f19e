"""What is written of tiles and embeddings, and what other programs read there."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.gallery.files.parquet import shard_bytes
from georet.gallery.files.storage import from_stored, to_stored
from georet.ground.footprints import bounds_latlon, footprints_wkb
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
    assert read["embedding"].type.list_size == 64
    assert ("scale" in read.column_names) == (str(read["embedding"].type.value_type) == "int8")


@settings(max_examples=50, deadline=None)
@given(
    west=st.floats(-180, 180),
    width=st.floats(0.01, 90),
    south=st.floats(-85, 80),
    height=st.floats(0.01, 5),
)
def test_footprints_keep_their_area_and_stay_on_the_map(
    west: float, width: float, south: float, height: float
) -> None:
    corners = box(west, south, west + width, south + height)
    shape = shapely.from_wkb(footprints_wkb(corners[None])[0])
    assert shape.is_valid
    assert shape.area == pytest.approx(width * height)
    assert -180 <= shape.bounds[0] <= shape.bounds[2] <= 180
    beyond = min(180 - west, west + width - 180)
    if abs(beyond) > 1e-9:  # of less than that nothing may be left
        assert (shape.geom_type == "MultiPolygon") == (beyond > 0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("turned", [0.0, 30.0])
def test_a_footprint_round_a_pole_holds_it(sign: int, turned: float) -> None:
    longitude = np.array([-135, -45, 45, 135.0])[::sign] + turned
    corners = np.stack([np.full(4, 80.0 * sign), longitude], axis=1)
    shape = shapely.from_wkb(footprints_wkb(corners[None])[0])
    assert shape.is_valid
    assert shape.bounds == (-180, min(80 * sign, 90 * sign), 180, max(80 * sign, 90 * sign))
    assert shape.area == pytest.approx(360 * 10)


def test_a_tilted_footprint_across_the_antimeridian_is_cut_there() -> None:
    ring = np.array([[1, 180.0], [0, 181], [-1, 180], [0, 179]])
    shape = shapely.from_wkb(footprints_wkb(ring[None])[0])
    assert [part.area for part in shape.geoms] == pytest.approx([1, 1])
    assert sorted(part.bounds[0] for part in shape.geoms) == [-180, 179]


def test_bounds_take_the_narrow_way_round() -> None:
    assert bounds_latlon(np.stack([box(5, 40, 6, 41), box(-3, 10, -2, 11)])) == [-3, 10, 6, 41]
    across = np.stack([box(179, 40, 181, 41), box(-179.5, 10, -178, 11), box(170, 0, 171, 1)])
    assert bounds_latlon(across) == [170, 0, -178, 41]
    round_ = np.stack([box(west, 0, west + 90, 1) for west in (-180, -90, 0, 90)])
    assert bounds_latlon(round_) == [-180, 0, 180, 1]
    polar = np.stack([np.full(4, -80.0), [135, 45, -45, -135.0]], axis=1)[None]
    assert bounds_latlon(np.concatenate([polar, box(3, 4, 5, 6)[None]])) == [-180, -90, 180, 6]


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

    from georet.gallery.making.shards import thumbnail

    tile = np.zeros((50, 300, 3), np.uint8)
    tile[..., 0] = 250
    with Image.open(io.BytesIO(thumbnail(tile))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (96, 16))
        assert picture.getpixel((50, 8))[0] > 240
        assert picture.getpixel((50, 8))[2] < 10
    with Image.open(io.BytesIO(thumbnail(tile[:20, :30]))) as picture:
        assert picture.size == (30, 20)
