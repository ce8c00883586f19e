"""XYZ folders, MBTiles and PMTiles: the same tiles from each, and what is wrong with some."""

import json
import pickle
import re
import sqlite3

import cv2
import numpy as np
import pytest
import rasterio
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from rasterio.transform import from_bounds

from georet.errors import DataError, GeoretError, UsageError
from georet.ground.wgs84 import HALF_WORLD_M, span_m, tile_bounds_m
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

ZOOM, FIRST, SHAPE, PX = 8, (130, 85), (4, 3), 64
HOLE = (131, 86)
KINDS = ("xyz", "area.mbtiles", "area.pmtiles", "area.tif")


def picture(width, height, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def encoded(image, suffix=".png"):
    codes = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(suffix, cv2.cvtColor(image, codes))[1].tobytes()


def area():
    """Return a picture of 4 x 3 tiles and its tiles by zoom, x and y; one is missing."""
    image = picture(SHAPE[0] * PX, SHAPE[1] * PX)
    tiles = {}
    for x in range(SHAPE[0]):
        for y in range(SHAPE[1]):
            part = image[y * PX : (y + 1) * PX, x * PX : (x + 1) * PX]
            if (FIRST[0] + x, FIRST[1] + y) != HOLE:
                tiles[ZOOM, FIRST[0] + x, FIRST[1] + y] = encoded(part)
    return image, tiles


def write_xyz(root, tiles, suffix=".png", *, tms=False):
    for (zoom, x, y), data in tiles.items():
        path = root / str(zoom) / str(x) / f"{2**zoom - 1 - y if tms else y}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_mbtiles(path, tiles, *, image_format="png"):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute("INSERT INTO metadata VALUES ('format', ?)", [image_format])
        columns = "zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB"
        database.execute(f"CREATE TABLE tiles ({columns})")
        rows = [(zoom, x, 2**zoom - 1 - y, data) for (zoom, x, y), data in tiles.items()]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    database.close()
    return path


def write_pmtiles(path, tiles, *, kind=TileType.PNG, packed=Compression.NONE):
    zooms = [zoom for zoom, _, _ in tiles]
    header = {
        "tile_type": kind, "tile_compression": packed, "min_zoom": min(zooms),
        "max_zoom": max(zooms), "min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1,
        "max_lat_e7": 1, "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0,
    }  # fmt: skip
    with path.open("wb") as stream:
        writer = Writer(stream)
        for key in sorted(tiles, key=lambda key: zxy_to_tileid(*key)):
            writer.write_tile(zxy_to_tileid(*key), tiles[key])
        writer.finalize(header, {})
    return path


def write_raster(path, image):
    corners = np.array([FIRST, (FIRST[0] + SHAPE[0] - 1, FIRST[1] + SHAPE[1] - 1)])
    (west, _, _, north), (_, south, east, _) = tile_bounds_m(ZOOM, corners)
    height, width = image.shape[:2]
    affine = from_bounds(west, south, east, north, width, height)
    alpha = np.full((height, width), 255, np.uint8)
    x, y = ((HOLE[i] - FIRST[i]) * PX for i in (0, 1))
    alpha[y : y + PX, x : x + PX] = 0
    profile = {"driver": "GTiff", "count": 4, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:3857", transform=affine, **profile) as raster:
        raster.write(np.concatenate([np.moveaxis(image, -1, 0), alpha[None]]))
        raster.colorinterp = [
            rasterio.enums.ColorInterp[c] for c in ("red", "green", "blue", "alpha")
        ]
    return path


@pytest.fixture(scope="module")
def same_area(tmp_path_factory):
    root = tmp_path_factory.mktemp("same-area")
    image, tiles = area()
    write_xyz(root / "xyz", tiles)
    write_mbtiles(root / "area.mbtiles", tiles)
    write_pmtiles(root / "area.pmtiles", tiles)
    write_raster(root / "area.tif", image)
    return root


@pytest.mark.parametrize("name", KINDS[1:3])
def test_archives_of_the_same_area_have_the_same_tiles_and_pixels(same_area, name):
    first = open_source(same_area / "xyz", Tiling())
    other = open_source(same_area / name, Tiling())
    one, two = first.tiles(), other.tiles()
    assert one.ids == two.ids
    assert len(one) == 11
    for field in ("latlon", "corners_latlon", "side_m"):
        assert np.array_equal(getattr(one, field), getattr(two, field))
    for row in range(len(one)):
        assert np.array_equal(first.read(row), other.read(row))


@pytest.mark.parametrize("name", KINDS[1:])
@pytest.mark.parametrize("side_m", [20_000.0, 150_000.0])
def test_the_same_area_is_cut_alike_from_archives_and_from_a_raster(same_area, name, side_m):
    tiling = Tiling(side_m=(side_m,), overlap=0.3)
    first, other = (open_source(same_area / n, tiling) for n in ("xyz", name))
    one, two = first.tiles(), other.tiles()
    assert one.ids == two.ids
    assert len(one) > 10
    assert span_m(one.latlon, two.latlon).max() < 1e-3
    assert span_m(one.corners_latlon, two.corners_latlon).max() < 1e-3
    for row in range(0, len(one), 5):
        assert np.abs(first.read(row).astype(int) - other.read(row)).max() <= 1


def test_a_raster_on_the_grid_of_web_mercator_gives_the_archive_its_tiles(same_area):
    archive = open_source(same_area / "xyz", Tiling())
    raster = open_source(same_area / "area.tif", Tiling(zoom=ZOOM))
    assert raster.tiles().ids == archive.tiles().ids
    assert np.array_equal(raster.tiles().corners_latlon, archive.tiles().corners_latlon)
    small = cv2.resize(raster.read(4), (PX, PX), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - archive.read(4)).mean() < 2


def test_footprints_are_the_bounds_of_web_mercator_tiles(same_area):
    import morecantile

    grid = morecantile.tms.get("WebMercatorQuad")
    table = open_source(same_area / "xyz", Tiling()).tiles()
    for name, corners in zip(table.ids, table.corners_latlon, strict=True):
        zoom, x, y = map(int, name.split("/"))
        bounds = grid.bounds(x, y, zoom)
        assert corners[0] == pytest.approx([bounds.top, bounds.left], abs=1e-9)
        assert corners[2] == pytest.approx([bounds.bottom, bounds.right], abs=1e-9)
    pixel_m = 2 * HALF_WORLD_M / 2**ZOOM * np.cos(np.radians(table.latlon[:, 0]))
    assert table.side_m == pytest.approx(pixel_m, rel=0.004)


def test_rows_of_a_tms_folder_count_from_the_south(tmp_path, same_area):
    _, tiles = area()
    root = write_xyz(tmp_path / "tms", tiles, tms=True)
    wanted = open_source(same_area / "xyz", Tiling()).tiles()
    found = open_source(f"{root}?scheme=tms", Tiling())
    assert found.tiles().ids == wanted.ids
    assert found.describe()["scheme"] == "tms"
    assert open_source(root, Tiling()).tiles().ids != wanted.ids
    (root / "tilemapresource.xml").write_text("<TileMap/>")
    assert open_source(root, Tiling()).tiles().ids == wanted.ids
    assert open_source(f"{root}?scheme=xyz", Tiling()).tiles().ids != wanted.ids
    with pytest.raises(UsageError, match="'schema'") as caught:
        open_source(f"{root}?schema=tms", Tiling())
    assert "did you mean 'scheme'" in str(caught.value)
    with pytest.raises(UsageError, match="xyz or tms"):
        open_source(f"{root}?scheme=wmts", Tiling())


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".PNG"])
def test_tiles_may_be_jpeg_webp_and_written_in_capitals(tmp_path, suffix):
    tiles = {(3, 1, 2): encoded(picture(PX, PX), suffix.lower())}
    source = open_source(write_xyz(tmp_path, tiles, suffix), Tiling())
    assert source.tiles().ids == ["3/1/2"]
    assert source.read(0).shape == (PX, PX, 3)


def test_the_deepest_level_is_used_unless_another_is_asked_for(tmp_path):
    tiles = {(z, 0, 0): encoded(picture(PX, PX, z)) for z in (0, 2, 5)}
    archives = [
        write_xyz(tmp_path / "xyz", tiles),
        write_mbtiles(tmp_path / "a.mbtiles", tiles),
        write_pmtiles(tmp_path / "a.pmtiles", tiles),
    ]
    for path in archives:
        assert open_source(path, Tiling()).tiles().ids == ["5/0/0"]
        assert open_source(path, Tiling(zoom=2)).tiles().ids == ["2/0/0"]
        with pytest.raises(DataError, match="no tiles of zoom 3") as caught:
            open_source(path, Tiling(zoom=3))
        assert "It has zoom 0, 2, 5." in str(caught.value)
        assert str(path) in str(caught.value)


def test_the_tile_of_zoom_0_is_the_whole_map(tmp_path):
    tiles = {(0, 0, 0): encoded(picture(PX, PX))}
    table = open_source(write_xyz(tmp_path, tiles), Tiling()).tiles()
    assert table.corners_latlon[0, :, 1].tolist() == [-180, 180, 180, -180]
    assert table.corners_latlon[0, 0, 0] == pytest.approx(85.0511, abs=1e-4)
    assert table.latlon.tolist() == [[0, 0]]


def test_an_area_over_the_antimeridian_is_cut_in_one_piece(tmp_path):
    last = 2**6 - 1
    image = picture(4 * PX, PX)
    columns = [last - 1, last, 0, 1]
    tiles = {
        (6, x, 30): encoded(image[:, i * PX : (i + 1) * PX]) for i, x in enumerate(columns)
    }  # fmt: skip
    path = write_mbtiles(tmp_path / "fiji.mbtiles", tiles)
    source = open_source(path, Tiling(side_m=(600_000.0,)))
    table = source.tiles()
    assert np.abs(table.latlon[:, 1]).min() > 165
    assert (np.abs(table.latlon[:, 1]) <= 180).all()
    assert np.ptp(table.corners_latlon[:, :, 1], axis=1).max() < 6
    crossing = np.abs(table.corners_latlon[:, :, 1]).max(axis=1) > 180
    assert crossing.any()
    left, _, width, _ = source._plan.windows[int(np.flatnonzero(crossing)[0])]
    assert left < 2 * PX < left + width


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_transparent_tiles_are_left_out_and_transparent_pixels_are_black(tmp_path, suffix):
    tiles = {}
    for x, share in enumerate((0.0, 0.25, 0.75, 1.0)):
        image = np.concatenate([picture(PX, PX, x), np.full((PX, PX, 1), 255, np.uint8)], axis=2)
        image[: int(share * PX), :, 3] = 0
        tiles[4, x, 5] = encoded(image, suffix)
    root = write_xyz(tmp_path, tiles, suffix)
    source = open_source(root, Tiling())
    assert source.tiles().ids == ["4/0/5", "4/1/5"]
    assert not source.read(1)[: PX // 4].any()
    assert source.read(1)[PX // 4 :].any()
    assert len(open_source(root, Tiling(max_nodata=0.8)).tiles()) == 3
    assert len(open_source(root, Tiling(max_nodata=1.0)).tiles()) == 4
    lonely = open_source(
        write_xyz(tmp_path / "b", {(4, 3, 5): tiles[4, 3, 5]}, suffix), Tiling(side_m=(900_000.0,))
    )
    with pytest.raises(DataError, match="no tile is left"):
        lonely.tiles()


def test_cutting_uses_the_shallowest_level_that_shows_enough(tmp_path):
    tiles = {}
    for zoom in (6, 7, 8):
        num = 2 ** (zoom - 5)
        for x in range(num):
            for y in range(num):
                tiles[zoom, num * 9 + x, num * 10 + y] = encoded(picture(256, 256, x + y))
    path = write_pmtiles(tmp_path / "a.pmtiles", tiles)
    zooms = {
        side: open_source(path, Tiling(side_m=(side * 1000.0,))).describe()["zoom"]
        for side in (50, 250, 400)
    }
    assert zooms == {50: 8, 250: 8, 400: 7}
    both = open_source(path, Tiling(side_m=(250_000.0, 400_000.0))).describe()
    assert (both["zoom"], both["parts"][0]["zoom"]) == (8, 7)
    assert open_source(path, Tiling(side_m=(4e5,), zoom=8)).describe()["zoom"] == 8


def test_sources_travel_to_other_processes(same_area):
    for name in KINDS:
        source = open_source(same_area / name, Tiling(side_m=(100_000.0,)))
        wanted = source.read(2)
        assert np.array_equal(pickle.loads(pickle.dumps(source)).read(2), wanted)


def test_levels_far_apart_are_not_cut_as_one_surface(tmp_path):
    tiles = {(18, 0, 0): encoded(picture(PX, PX)), (18, 2**17, 2**17): encoded(picture(PX, PX))}
    path = write_mbtiles(tmp_path / "a.mbtiles", tiles)
    assert len(open_source(path, Tiling()).tiles()) == 2
    with pytest.raises(UsageError, match="too far apart"):
        open_source(path, Tiling(side_m=(100.0,)))


def test_a_tile_that_covers_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("georet.sources.archives.stitched.MAX_PIXELS", 100)
    path = write_mbtiles(tmp_path / "a.mbtiles", {(8, 1, 90): encoded(picture(PX, PX))})
    with pytest.raises(DataError, match="the cap is 100"):
        open_source(path, Tiling(side_m=(50_000.0,))).read(0)


BROKEN = {
    "truncated": (lambda data: data[: len(data) // 2], "truncated or damaged"),
    "empty": (lambda data: b"", "empty"),
    "not an image": (lambda data: b"<html>404</html>", "not a JPEG"),
}


# PMTiles can't hold an empty tile.
FAULTS = [(kind, fault) for kind in KINDS[:3] for fault in BROKEN]
FAULTS.remove(("area.pmtiles", "empty"))


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_damaged_tile_is_named_with_its_archive(tmp_path, kind, fault):
    breaking, said = BROKEN[fault]
    good = encoded(picture(PX, PX))
    tiles = {(5, 3, 9): good, (5, 4, 9): breaking(good)}
    path = tmp_path / kind
    {"xyz": write_xyz, "area.mbtiles": write_mbtiles, "area.pmtiles": write_pmtiles}[kind](
        path, tiles
    )
    source = open_source(path, Tiling())
    assert len(source.tiles()) == 2
    assert source.read(0).shape == (PX, PX, 3)
    with pytest.raises(DataError, match=said) as caught:
        source.read(1)
    assert str(path / "5/4/9") in str(caught.value)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    bomb = encoded(np.zeros((8000, 8000, 1), np.uint8).repeat(3, axis=2))
    source = open_source(write_xyz(tmp_path, {(2, 1, 1): bomb}), Tiling())
    with pytest.raises(DataError, match="8000 x 8000 = 64,000,000 pixels"):
        source.read(0)


def test_an_mbtiles_file_must_be_one(tmp_path):
    path = tmp_path / "a.mbtiles"
    path.write_bytes(b"not a database, by far" * 100)
    with pytest.raises(DataError, match="no MBTiles"):
        open_source(path, Tiling())
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE places (a TEXT)")
    database.close()
    with pytest.raises(DataError, match="without the table `tiles`") as caught:
        open_source(path, Tiling())
    assert "It has: places" in str(caught.value)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE tiles (zoom INTEGER, x INTEGER)")
    database.close()
    with pytest.raises(DataError, match="no such column") as caught:
        open_source(path, Tiling())
    assert "zoom_level" in str(caught.value)


def test_an_mbtiles_file_is_opened_for_reading_only(tmp_path):
    path = write_mbtiles(tmp_path / "a.mbtiles", area()[1])
    before = path.read_bytes()
    source = open_source(path, Tiling())
    source.tiles()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        source.archive._handle.get().execute("DELETE FROM tiles")
    assert path.read_bytes() == before


def test_tiles_off_the_map_and_twice_in_an_archive_are_refused(tmp_path):
    data = encoded(picture(PX, PX))
    with pytest.raises(DataError, match="zoom 2 can't have a tile x=7, y=1"):
        open_source(write_xyz(tmp_path / "x", {(2, 7, 1): data}), Tiling())
    path = write_mbtiles(tmp_path / "a.mbtiles", {(2, 1, 1): data})
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO tiles SELECT * FROM tiles")
    database.close()
    with pytest.raises(DataError, match="twice"):
        open_source(path, Tiling()).tiles()


def test_vector_tiles_are_refused(tmp_path):
    tiles = {(2, 1, 1): b"\x1a\x02"}
    with pytest.raises(DataError, match="vector tiles"):
        open_source(write_mbtiles(tmp_path / "a.mbtiles", tiles, image_format="pbf"), Tiling())
    path = write_pmtiles(tmp_path / "a.pmtiles", tiles, kind=TileType.MVT)
    with pytest.raises(DataError, match="vector tiles"):
        open_source(path, Tiling())


def test_a_pmtiles_file_must_be_one(tmp_path):
    path = tmp_path / "a.pmtiles"
    path.write_bytes(b"nonsense" * 40)
    with pytest.raises(DataError, match="is no PMTiles file"):
        open_source(path, Tiling())
    path.write_bytes(b"PMTiles\x02" + bytes(200))
    with pytest.raises(DataError, match="version 2, not 3") as caught:
        open_source(path, Tiling())
    assert "pmtiles convert" in str(caught.value)
    path.write_bytes(b"PMT")
    with pytest.raises(DataError, match="cut short"):
        open_source(path, Tiling())
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cut short"):
        open_source(path, Tiling())


def read_all(path):
    source = open_source(path, Tiling())
    for row in range(len(source.tiles())):
        source.read(row)


def fault_of(path):
    """Return georet's error on reading an archive, or None; any other error is the test's."""
    try:
        read_all(path)
    except GeoretError as error:
        return error
    return None


def test_every_truncation_of_a_pmtiles_file_is_noticed(tmp_path):
    whole = write_pmtiles(tmp_path / "a.pmtiles", area()[1]).read_bytes()
    path = tmp_path / "b.pmtiles"
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_all(path)


def test_damaged_pmtiles_directories_are_errors_that_name_the_file(tmp_path):
    whole = bytearray(write_pmtiles(tmp_path / "a.pmtiles", area()[1]).read_bytes())
    path, rng = tmp_path / "b.pmtiles", np.random.default_rng(0)
    for position in rng.integers(0, 200, 150):
        broken = whole.copy()
        broken[position] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        error = fault_of(path)
        assert error is None or str(path) in str(error)


def test_compressed_tiles_of_a_pmtiles_file_are_unpacked(tmp_path):
    import gzip

    data = encoded(picture(PX, PX))
    tiles = {(2, 1, 1): gzip.compress(data), (2, 2, 1): gzip.compress(data)[:-9]}
    path = write_pmtiles(tmp_path / "a.pmtiles", tiles, packed=Compression.GZIP)
    source = open_source(path, Tiling(max_nodata=1.0))
    assert np.array_equal(source.read(0), picture(PX, PX))
    with pytest.raises(DataError, match="tile 2/2/1 is cut short"):
        source.read(1)


def test_pmtiles_with_directories_below_the_root_are_read(tmp_path):
    rng = np.random.default_rng(0)
    tiles = {
        (9, x, y): bytes(rng.integers(0, 256, int(rng.integers(20, 400)), dtype=np.uint8))
        for x in range(100, 260)
        for y in range(200, 360)
    }
    archive = open_source(write_pmtiles(tmp_path / "a.pmtiles", tiles), Tiling()).archive
    assert archive._header["leaf_directory_length"] > 0
    listed = archive.listing(9)
    assert len(listed) == len(tiles)
    assert [tuple(xy) for xy in listed[:2].tolist()] == [(100, 200), (101, 200)]
    for x, y in listed[::97].tolist():
        assert archive.encoded(9, x, y) == tiles[9, x, y]


def test_an_archive_of_nothing_but_transparent_tiles_is_an_error(tmp_path):
    clear = np.zeros((PX, PX, 4), np.uint8)
    source = open_source(write_xyz(tmp_path, {(4, 3, 5): encoded(clear)}), Tiling())
    with pytest.raises(DataError, match="every tile lacks more data"):
        source.tiles()


def test_a_damaged_transparent_tile_is_left_for_the_reader_to_report(tmp_path):
    image = np.concatenate([picture(PX, PX), np.full((PX, PX, 1), 255, np.uint8)], axis=2)
    data = encoded(image)[:-200]
    source = open_source(write_xyz(tmp_path, {(4, 3, 5): data}), Tiling())
    assert len(source.tiles()) == 1
    with pytest.raises(DataError, match="truncated or damaged"):
        source.read(0)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_tile_that_vanishes_is_named(tmp_path, kind):
    writers = {"xyz": write_xyz, "area.mbtiles": write_mbtiles, "area.pmtiles": write_pmtiles}
    tiles = {(5, 3, 9): encoded(picture(PX, PX))}
    archive = open_source(writers[kind](tmp_path / kind, tiles), Tiling()).archive
    with pytest.raises(DataError, match="there is no such tile") as caught:
        archive.encoded(5, 4, 9)
    assert str(tmp_path / kind / "5/4/9") in str(caught.value)
    json.dumps(archive.describe())


def test_tiles_of_different_sizes_are_not_stitched(tmp_path):
    tiles = {(6, 3, 9): encoded(picture(PX, PX)), (6, 4, 9): encoded(picture(32, 32))}
    source = open_source(write_xyz(tmp_path, tiles), Tiling(side_m=(60_000.0,)))
    last = len(source.tiles()) - 1
    assert source.read(0).any()
    with pytest.raises(DataError, match="has 32 x 32 pixels") as caught:
        source.read(last)
    assert "first tile has 64 pixels" in str(caught.value)
    flat = write_xyz(tmp_path / "flat", {(6, 3, 9): encoded(picture(64, 32))})
    with pytest.raises(DataError, match="not a square"):
        open_source(flat, Tiling(side_m=(300_000.0,)))


def test_large_tiles_of_a_deep_level_are_read_at_1024_pixels(tmp_path):
    image = picture(5 * 256, 5 * 256)
    tiles = {
        (10, 500 + x, 500 + y): encoded(image[y * 256 :, x * 256 :][:256, :256])
        for x in range(5)
        for y in range(5)
    }
    path = write_mbtiles(tmp_path / "a.mbtiles", tiles)
    source = open_source(path, Tiling(side_m=(190_000.0,), zoom=10))
    tile = source.read(0)
    assert tile.shape == (1024, 1024, 3)
    _, _, width, height = source._plan.windows[0].astype(int)
    left, top = source._plan.windows[0, :2].astype(int)
    part = image[top : top + height, left : left + width]
    wanted = cv2.resize(part, (1024, 1024), interpolation=cv2.INTER_AREA)
    assert width > 1200
    assert np.array_equal(tile, wanted)


def test_a_pmtiles_file_that_promises_endless_tiles_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("georet.sources.archives.pmtiles._MAX_TILES", 5)
    path = write_pmtiles(tmp_path / "a.pmtiles", area()[1])
    with pytest.raises(DataError, match="lists more tiles"):
        open_source(path, Tiling())
