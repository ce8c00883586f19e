"""XYZ folders, MBTiles and PMTiles: the same tiles from each, and what is wrong with some."""

import pickle

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.ground.wgs84 import HALF_WORLD_M, span_m
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

ZOOM, PX = 8, 64


KINDS = ("xyz", "area.mbtiles", "area.pmtiles", "area.tif")


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


def test_rows_of_a_tms_folder_count_from_the_south(make, tmp_path, same_area):
    _, tiles = make.area()
    root = make.write_xyz(tmp_path / "tms", tiles, tms=True)
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
def test_tiles_may_be_jpeg_webp_and_written_in_capitals(make, tmp_path, suffix):
    tiles = {(3, 1, 2): make.encoded(make.picture(PX, PX), suffix.lower())}
    source = open_source(make.write_xyz(tmp_path, tiles, suffix), Tiling())
    assert source.tiles().ids == ["3/1/2"]
    assert source.read(0).shape == (PX, PX, 3)


def test_the_deepest_level_is_used_unless_another_is_asked_for(make, tmp_path):
    tiles = {(z, 0, 0): make.encoded(make.picture(PX, PX, z)) for z in (0, 2, 5)}
    archives = [
        make.write_xyz(tmp_path / "xyz", tiles),
        make.write_mbtiles(tmp_path / "a.mbtiles", tiles),
        make.write_pmtiles(tmp_path / "a.pmtiles", tiles),
    ]
    for path in archives:
        assert open_source(path, Tiling()).tiles().ids == ["5/0/0"]
        assert open_source(path, Tiling(zoom=2)).tiles().ids == ["2/0/0"]
        with pytest.raises(DataError, match="no tiles of zoom 3") as caught:
            open_source(path, Tiling(zoom=3))
        assert "It has zoom 0, 2, 5." in str(caught.value)
        assert str(path) in str(caught.value)


def test_the_tile_of_zoom_0_is_the_whole_map(make, tmp_path):
    tiles = {(0, 0, 0): make.encoded(make.picture(PX, PX))}
    table = open_source(make.write_xyz(tmp_path, tiles), Tiling()).tiles()
    assert table.corners_latlon[0, :, 1].tolist() == [-180, 180, 180, -180]
    assert table.corners_latlon[0, 0, 0] == pytest.approx(85.0511, abs=1e-4)
    assert table.latlon.tolist() == [[0, 0]]


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_transparent_tiles_are_left_out_and_transparent_pixels_are_black(make, tmp_path, suffix):
    tiles = {}
    for x, share in enumerate((0.0, 0.25, 0.75, 1.0)):
        image = np.concatenate(
            [make.picture(PX, PX, x), np.full((PX, PX, 1), 255, np.uint8)], axis=2
        )
        image[: int(share * PX), :, 3] = 0
        tiles[4, x, 5] = make.encoded(image, suffix)
    root = make.write_xyz(tmp_path, tiles, suffix)
    source = open_source(root, Tiling())
    assert source.tiles().ids == ["4/0/5", "4/1/5"]
    assert not source.read(1)[: PX // 4].any()
    assert source.read(1)[PX // 4 :].any()
    assert len(open_source(root, Tiling(max_nodata=0.8)).tiles()) == 3
    assert len(open_source(root, Tiling(max_nodata=1.0)).tiles()) == 4
    lonely = open_source(
        make.write_xyz(tmp_path / "b", {(4, 3, 5): tiles[4, 3, 5]}, suffix),
        Tiling(side_m=(900_000.0,)),
    )
    with pytest.raises(DataError, match="no tile is left"):
        lonely.tiles()


def test_sources_travel_to_other_processes(same_area):
    for name in KINDS:
        source = open_source(same_area / name, Tiling(side_m=(100_000.0,)))
        wanted = source.read(2)
        assert np.array_equal(pickle.loads(pickle.dumps(source)).read(2), wanted)


def test_an_archive_of_nothing_but_transparent_tiles_is_an_error(make, tmp_path):
    clear = np.zeros((PX, PX, 4), np.uint8)
    source = open_source(make.write_xyz(tmp_path, {(4, 3, 5): make.encoded(clear)}), Tiling())
    with pytest.raises(DataError, match="every tile lacks more data"):
        source.tiles()
