"""Rasters cut along the grid of Web Mercator."""

import pickle

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from georet.errors import DataError, UsageError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

AFFINE = from_origin(5e5, 5.3e6, 0.5, 0.5)


def write(path, pixels, *, crs="EPSG:32632", affine=AFFINE, colours=None, masks=None, **more):
    num, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": num, "height": height, "width": width}
    with rasterio.open(
        path, "w", dtype=pixels.dtype, crs=crs, transform=affine, **profile, **more
    ) as raster:
        raster.write(pixels)
        if colours:
            raster.colorinterp = [ColorInterp[name] for name in colours]
        if masks is not None:
            raster.write_mask(masks)
    return path


def noise(num=3, height=400, width=600, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(1, 255, (num, height, width)).astype(dtype)


def test_web_mercator_tiles_of_any_raster_show_its_ground(tmp_path):
    # A raster whose red is the column and whose green is the row of 50 m.
    column, row = np.meshgrid(np.arange(240), np.arange(200))
    pixels = np.stack([column, row, np.full_like(row, 200)]).astype(np.uint8)
    affine = from_origin(5e5, 5.3e6, 50, 50)
    path = write(tmp_path / "a.tif", pixels, affine=affine)
    source = open_source(path, Tiling(zoom=15))
    table = source.tiles()
    assert len(table) > 40
    rows = range(0, len(table), 9)
    for number in rows:
        lat, lon = table.latlon[number]
        from rasterio.warp import transform

        (x,), (y,) = transform("EPSG:4326", "EPSG:32632", [lon], [lat])
        wanted = [(x - 5e5) / 50 - 0.5, (5.3e6 - y) / 50 - 0.5]
        tile = source.read(number)
        assert tile.shape == (256, 256, 3)
        if tile.all():
            assert tile[127:129, 127:129, :2].mean(axis=(0, 1)) == pytest.approx(wanted, abs=0.6)


def test_web_mercator_tiles_of_a_polar_raster_end_at_the_edge_of_the_map(tmp_path):
    affine = from_origin(-1.5e6, 1.5e6, 10_000, 10_000)
    path = write(tmp_path / "p.tif", noise(3, 300, 300), crs="EPSG:3413", affine=affine)
    table = open_source(path, Tiling(zoom=4)).tiles()
    assert np.isfinite(table.corners_latlon).all()
    assert len({name.split("/")[1] for name in table.ids}) == 16
    affine = from_origin(-1e5, 1e5, 1000, 1000)
    path = write(tmp_path / "q.tif", noise(3, 200, 200), crs="EPSG:3413", affine=affine)
    beyond = open_source(path, Tiling(zoom=4))
    with pytest.raises(DataError, match="Web Mercator ends"):
        beyond.tiles()


def test_web_mercator_tiles_over_the_antimeridian_lie_on_both_edges_of_the_map(tmp_path):
    affine = from_origin(5.8e5, 7e6, 1000, 1000)
    path = write(tmp_path / "u.tif", noise(3, 200, 200), crs="EPSG:32660", affine=affine)
    table = open_source(path, Tiling(zoom=9)).tiles()
    columns = {int(name.split("/")[1]) for name in table.ids}
    assert 511 in columns
    assert 0 in columns
    assert len(columns) < 12
    source = open_source(path, Tiling(zoom=9))
    for row in range(len(table)):
        assert source.read(row).any()


def test_missing_data_stays_missing_in_web_mercator_tiles(tmp_path):
    pixels = noise(3, 200, 240)
    pixels[:, :, :120] = 0
    path = write(tmp_path / "a.tif", pixels, affine=from_origin(5e5, 5.3e6, 50, 50), nodata=0)
    source = open_source(path, Tiling(zoom=13, max_nodata=0.3))
    with rasterio.open(path) as raster:
        west, _, east, _ = rasterio.warp.transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    middle = (west + east) / 2
    longitudes = source.tiles().latlon[:, 1]
    assert len(longitudes) >= 2
    assert longitudes.min() > middle - 0.01
    every = open_source(path, Tiling(zoom=13, max_nodata=0.99))
    assert len(every.tiles()) > len(longitudes)
    partly = every.read(int(np.argmin(every.tiles().latlon[:, 1])))
    assert (partly == 0).all(axis=2).any()


def test_web_mercator_tiles_of_a_palette_have_its_colours(tmp_path):
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 2, (1, 100, 100), dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=100, width=100, dtype="uint8",
        crs="EPSG:32632", transform=from_origin(5e5, 5.3e6, 50, 50), photometric="palette",
    ) as raster:  # fmt: skip
        raster.write(pixels)
        raster.write_colormap(1, {0: (9, 8, 7), 1: (200, 0, 1)})
    tile = open_source(path, Tiling(zoom=14)).read(2)
    colours = {tuple(colour) for colour in tile.reshape(-1, 3).tolist()}
    assert {(9, 8, 7), (200, 0, 1)} <= colours <= {(9, 8, 7), (200, 0, 1), (0, 0, 0)}


def test_web_mercator_tiles_have_limits_and_say_so(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", noise(3))
    with pytest.raises(UsageError, match="zoom is 25"):
        open_source(path, Tiling(zoom=25))
    source = open_source(path, Tiling(zoom=10))
    with pytest.raises(DataError, match="no tile of zoom 10 is left"):
        source.tiles()
    assert open_source(path, Tiling(zoom=18)).describe()["zoom"] == 18
    monkeypatch.setattr("georet.sources.rasters.warped._MAX_TILES", 10)
    crowded = open_source(path, Tiling(zoom=19))
    with pytest.raises(UsageError, match="more than 10 tiles"):
        crowded.tiles()


def test_a_damaged_web_mercator_tile_is_named(tmp_path):
    path = write(tmp_path / "a.tif", noise(3), compress="deflate", tiled=True, blockxsize=128,
                 blockysize=128)  # fmt: skip
    data = path.read_bytes()
    source = open_source(path, Tiling(zoom=20))
    last = len(source.tiles()) - 1
    path.write_bytes(data[: len(data) // 2])
    travelled = pickle.loads(pickle.dumps(source))
    with pytest.raises(DataError, match=f"tile {source.tiles().ids[last]}"):
        travelled.read(last)
    late = open_source(path, Tiling(zoom=20))
    with pytest.raises(DataError, match="tile 20/"):
        late.tiles()
